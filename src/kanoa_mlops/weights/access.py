"""Who may have a repository of the hub: asked before anything is fetched, and what its refusals mean."""

from __future__ import annotations

from collections.abc import Iterable

from kanoa_mlops.errors import AccessRefused, KanoaError, SourceFailed
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.address import Address
from kanoa_mlops.weights.hub_home import credentials, hub_address
from kanoa_mlops.weights.refused import REFUSALS, Refused
from kanoa_mlops.weights.web import Answer, Web

_LONGEST_WORDS = 200


def require_access(repos: Iterable[str], settings: Settings, web: Web) -> None:
    """Ask the hub whether it would give files of these repositories.

    A hub that cannot be reached, or that does not know the question, is no objection.

    Raises:
        AccessRefused: it would not give them.
    """
    for repo in dict.fromkeys(repos):
        try:
            with web.open(hub_address(_question(repo), settings), accept="application/json") as answer:
                error = explain(answer, repo, settings) if answer.status in REFUSALS else None
        except SourceFailed:
            return
        if isinstance(error, AccessRefused):
            raise error


def is_public(repo: str, settings: Settings, web: Web) -> bool:
    """Whether the hub gives a repository to somebody it does not know; False where it does not say."""
    try:
        address = Address(hub_address(_question(repo), settings).url)
        with web.open(address, accept="application/json") as answer:
            return answer.status == 200
    except SourceFailed:
        return False


def refused(repo: str, settings: Settings) -> Refused:
    return lambda answer: explain(answer, repo, settings)


def explain(answer: Answer, repo: str, settings: Settings) -> KanoaError:
    """A refusal in words: what is missing, a token, its rights, or the acceptance of a licence."""
    code, said = answer.headers.get("x-error-code", ""), _words(answer)
    http, shown = f"(HTTP {answer.status})", credentials(settings)
    hub = Address.parse(settings.hub_url.rstrip("/"))
    if code == "RepoNotFound":
        # The hub hides what is private behind the same answer as what is not there.
        return SourceFailed(f"does not exist, or is private {http}", hint=gone_hint(settings))
    if not shown:
        gated = code == "GatedRepo"
        return AccessRefused(
            f"Hugging Face {repo} {'is gated' if gated else 'refuses us'}, and no token was sent {http}.",
            hint=("" if gated else "It may be private, or not there: check the spelling; capitals count.\n")
            + f"{_accept(hub, repo)}\n{_give_token(settings)}",
            gated=True,
        )
    if answer.status == 401 and code != "GatedRepo":
        return AccessRefused(
            f"Hugging Face does not know {shown}: it is wrong, has expired or was revoked {http}.",
            hint=f"Make a new one at {hub}/settings/tokens. {_give_token(settings)}\n"
            "Where no token is needed, `hf auth logout` removes it.",
        )
    if "fine-grained" in said:
        return AccessRefused(
            f"Hugging Face {repo} is gated, and {shown} lacks the right to read such repositories {http}.",
            hint=f"Edit it at {hub}/settings/tokens: allow to read the contents of all public gated "
            "repositories you can access.",
            gated=True,
        )
    return AccessRefused(
        f"Hugging Face {repo} was not opened to the account of {shown} {http}."
        + (f" It says: {said}" if said else ""),
        hint=f"{_accept(hub, repo)} Some publishers grant access by hand, which takes a while.",
        gated=True,
    )


def gone_hint(settings: Settings) -> str:
    hub = Address.parse(settings.hub_url)
    return (
        f"Check the spelling; capitals count. If it is yours, run `hf auth login`. "
        f"The hub that was asked is {hub}; `hub_url` names another."
    )


def _question(repo: str) -> str:
    return f"api/models/{repo}/auth-check"


def _accept(hub: Address, repo: str) -> str:
    return f"Accept its licence, signed in, at {hub}/{repo} ."


def _give_token(settings: Settings) -> str:
    return (
        f"Give your token by `hf auth login`: it is kept in {settings.hub_token_file}, where it is read "
        "(HF_TOKEN_PATH names another file). A command line is no place for it."
    )


def _words(answer: Answer) -> str:
    """The hub's own, as far as they can be shown."""
    said = answer.headers.get("x-error-message", "")
    return "".join(filter(str.isprintable, said))[:_LONGEST_WORDS]
