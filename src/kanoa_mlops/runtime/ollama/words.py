"""What the daemon says when something fails, and what to do about it."""

from __future__ import annotations

import re

from kanoa_mlops.errors import DiskFull, EngineDied, KanoaError, OllamaRefused, SourceFailed, UserError

_SEARCHED = re.IGNORECASE
_AGAIN = "Run the same command again: it goes on where it stopped."


def pull_failure(refusal: OllamaRefused, tag: str) -> KanoaError:
    """Why a tag could not be fetched. The words are those of Ollama's issues, from 0.1 to 0.34."""
    said = refusal.message
    if _says(said, r"no space left|not enough (disk )?space|disk (is )?full|disk quota"):
        return DiskFull(
            f"There is no room for {tag} where Ollama keeps its models: {said}",
            hint="`ollama list` shows what is there, `ollama rm NAME` frees it; OLLAMA_MODELS is the folder.",
        )
    if _says(said, r"newer version of Ollama|\b412\b"):
        return UserError(
            f"This Ollama is too old for {tag}: {_one_line(said)}",
            hint="Update it, and restart the daemon: https://ollama.com/download",
        )
    if _says(said, r"manifest.*(file does not exist|not found|\b404\b)"):
        return SourceFailed(
            f"Ollama's library has no {tag}.", hint="https://ollama.com/library lists what it has."
        )
    if _says(said, r"max retries exceeded|unexpected EOF|connection reset|read tcp|digest mismatch"):
        return SourceFailed(f"Fetching {tag} was cut: {_one_line(said)}", hint=_AGAIN)
    if _says(said, r"dial tcp|no such host|lookup |connection refused|network is unreachable|TLS|x509|proxy"):
        return SourceFailed(
            f"Ollama cannot reach its library: {_one_line(said)}",
            hint="The daemon does the fetching: it needs the network, and behind a proxy HTTPS_PROXY in its "
            "own environment. A tag that was pulled once needs neither.",
        )
    return SourceFailed(f"Ollama could not fetch {tag}: {_one_line(said)}", hint="Its log says more.")


def cut(tag: str, why: str) -> SourceFailed:
    return SourceFailed(f"Fetching {tag} was cut: {why}", hint=_AGAIN)


def load_failure(refusal: OllamaRefused, model: str) -> EngineDied:
    """Why a model was not loaded."""
    said = refusal.message
    if _says(said, r"(more|insufficient|out of|not enough).*memory|failed to allocate"):
        hint = "Ask for less with --context and --parallel, or free memory: `ollama ps` shows what is loaded."
    elif _says(said, r"unknown model architecture|unsupported architecture"):
        hint = "This Ollama does not know the model: update it, or use another engine (--engine)."
    elif refusal.status == 503:
        hint = "The daemon is busy with others; OLLAMA_MAX_QUEUE says with how many at most."
    else:
        hint = "Ollama's log says more: https://github.com/ollama/ollama/blob/main/docs/troubleshooting.mdx"
    return EngineDied(f"Ollama could not load {model}: {_one_line(said)}", hint=hint)


def _says(said: str, pattern: str) -> bool:
    return re.search(pattern, said, _SEARCHED | re.DOTALL) is not None


def _one_line(said: str) -> str:
    line = " ".join(said.split())
    return line if line.endswith((".", "!")) else f"{line}."
