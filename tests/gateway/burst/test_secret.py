"""Keys of providers: where they are found, and that nobody else sees them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.errors import SettingsError
from kanoa_mlops.gateway.burst.read import read_burst

SECRET = "gsk-0123456789"


def key(
    folder: Path,
    catalog: Catalog,
    extra: str = "",
    provider: str = "groq",
    hub: Path | None = None,
    **env: str,
) -> str:
    path = folder / "burst.yaml"
    entry = f"provider: {provider}\n    for: gpt-oss-120b\n    max_per_day: 1 $\n    {extra}\n"
    path.write_text(f"burst:\n  allowed:\n  - {entry}")
    [grant] = read_burst(path, catalog, env, hub).grants
    return grant.key


def refusal(folder: Path, catalog: Catalog, extra: str = "", **env: str) -> SettingsError:
    with pytest.raises(SettingsError) as refused:
        key(folder, catalog, extra, hub=None, **env)
    assert SECRET not in f"{refused.value} {refused.value.hint} {refused.value.__cause__}"
    return refused.value


def key_file(folder: Path, text: str = SECRET + "\n", mode: int = 0o600) -> Path:
    path = folder / "key"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_by_custom_it_is_in_the_providers_variable(tmp_path: Path, catalog: Catalog) -> None:
    assert key(tmp_path, catalog, GROQ_API_KEY=f" {SECRET}\n") == SECRET


def test_another_variable_takes_its_place(tmp_path: Path, catalog: Catalog) -> None:
    assert key(tmp_path, catalog, "key_variable: LAB", GROQ_API_KEY="no", LAB=SECRET) == SECRET
    told = refusal(tmp_path, catalog, "key_variable: LAB", GROQ_API_KEY=SECRET)
    assert told.message.endswith(":6: burst.allowed.0.key_variable: there is no key: LAB is not set.")


def test_a_file_is_counted_from_the_folder_of_the_file_that_names_it(
    tmp_path: Path, catalog: Catalog
) -> None:
    key_file(tmp_path)
    assert key(tmp_path, catalog, "key_file: key", GROQ_API_KEY="no") == SECRET


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o602, 0o660])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, catalog: Catalog, mode: int) -> None:
    path = key_file(tmp_path, mode=mode)
    told = refusal(tmp_path, catalog, "key_file: key")
    assert told.message == f"{tmp_path}/burst.yaml:6: burst.allowed.0.key_file: others can read {path}."
    assert told.hint == f"Run `chmod 600 {path}`."


def test_of_anothers_file_the_group_may_be_how_we_read_it(
    tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = key_file(tmp_path, mode=0o440)
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    assert key(tmp_path, catalog, "key_file: key") == SECRET
    path.chmod(0o444)
    assert "others can read" in refusal(tmp_path, catalog, "key_file: key").message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (f"{SECRET}\nX-Other: header\n", "is no key"),
        (f"key = {SECRET}", "is no key"),
        (f"{SECRET}\u00e9", "is no key"),
    ],
)
def test_what_is_no_key_is_refused_unseen(tmp_path: Path, catalog: Catalog, text: str, words: str) -> None:
    key_file(tmp_path, text)
    assert words in refusal(tmp_path, catalog, "key_file: key").message


def test_what_is_no_text_is_refused_unseen(tmp_path: Path, catalog: Catalog) -> None:
    key_file(tmp_path).write_bytes(b"\xff" + SECRET.encode())
    assert "it is not text" in refusal(tmp_path, catalog, "key_file: key").message


def test_a_folder_is_no_key(tmp_path: Path, catalog: Catalog) -> None:
    assert "Is a directory" in refusal(tmp_path, catalog, "key_file: .").message


def test_the_hubs_own_token_file_counts_as_its_variable(tmp_path: Path, catalog: Catalog) -> None:
    token = tmp_path / "token"
    token.write_text(SECRET)
    assert key(tmp_path, catalog, provider="huggingface", hub=token) == SECRET
    assert key(tmp_path, catalog, provider="huggingface", hub=token, HF_TOKEN="other") == "other"
    with pytest.raises(SettingsError, match="GROQ_API_KEY is not set"):
        key(tmp_path, catalog, hub=token)
    with pytest.raises(SettingsError, match="HF_TOKEN is not set"):
        key(tmp_path, catalog, provider="huggingface", hub=tmp_path / "none")
