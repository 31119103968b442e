"""What is said of versions, refusals and downloads, by value."""

from __future__ import annotations

import pytest

from kanoa_mlops.catalog.types import Support
from kanoa_mlops.errors import KanoaError, OllamaRefused, SourceFailed, UserError
from kanoa_mlops.runtime.ollama.telling import Telling
from kanoa_mlops.runtime.ollama.version import require_version
from kanoa_mlops.runtime.ollama.words import load_failure, pull_failure

SUPPORT = Support(since="0.6.0", until="0.24.0", source="test")


@pytest.mark.parametrize("version", ["0.6.0", "v0.6.0", "0.6.0-rc1", "0.12.6", "0.24.0", "0.0.0", "custom"])
def test_versions_that_run_it(version: str) -> None:
    require_version(version, SUPPORT, "gemma")


@pytest.mark.parametrize(
    ("version", "said"), [("0.5.13", "too old"), ("0.24.1", "no longer"), ("0.30.0", "no longer")]
)
def test_versions_that_do_not(version: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        require_version(version, SUPPORT, "gemma")


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("max retries exceeded: EOF", SourceFailed, "was cut"),
        ("read tcp 10.0.0.7:4711->10.0.0.1:443: i/o timeout", SourceFailed, "was cut"),
        ("proxyconnect tcp: dial tcp 10.0.0.1:3128: i/o timeout", SourceFailed, "cannot reach"),
        ("tls: failed to verify certificate: x509: unknown authority", SourceFailed, "cannot reach"),
        ("something nobody has seen", SourceFailed, "could not fetch"),
    ],
)
def test_a_pull_that_failed(said: str, kind: type[KanoaError], words: str) -> None:
    failure = pull_failure(OllamaRefused(said, status=500), "gemma3:12b")
    assert type(failure) is kind
    assert words in failure.message
    assert failure.hint


@pytest.mark.parametrize(
    ("said", "status", "hint"),
    [
        ("model requires more system memory (9.0 GiB) than is available (2.0 GiB)", 500, "--context"),
        ("unable to load model: unknown model architecture: 'x'", 500, "--engine"),
        ("server busy, please try again. maximum pending requests exceeded", 503, "OLLAMA_MAX_QUEUE"),
        ("llama runner process has terminated: exit status 2", 500, "log says more"),
    ],
)
def test_a_load_that_failed(said: str, status: int, hint: str) -> None:
    failure = load_failure(OllamaRefused(said, status=status), "gemma")
    assert said in failure.message
    assert hint in failure.hint


def test_a_download_is_told_in_few_sentences() -> None:
    said: list[str] = []
    telling = Telling(said.append)
    telling.start("gemma3:12b", 1000 * 2**20, 0)
    for _ in range(1000):
        telling.advance(2**20)
    assert len(said) == 21
    assert said[10] == "fetching gemma3:12b: 500 MiB of 1000 MiB"
