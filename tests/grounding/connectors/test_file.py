"""What grounding.yaml is read as, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from kanoa_mlops.errors import KanoaError, RetrieverFailed, SettingsError
from kanoa_mlops.grounding.connectors import connect, parse_grounding_file, read_grounding_file
from kanoa_mlops.grounding.connectors.openai import OpenAI
from kanoa_mlops.settings import load_settings

GOOD = """\
stores:
  papers: {provider: local, path: ./kb, watch: true, shareable: true}
  handbook:
    provider: openai
    base_url: http://ogx:8321/v1/
    vector_store_id: vs_abc
    api_key_env: OGX_KEY
    readers: [ana, "*"]
  wiki: {provider: python, factory: "my_pkg:make_retriever"}
"""
OPENAI = "stores: {a: {provider: openai, vector_store_id: vs_1"


def read(text: str) -> object:
    return parse_grounding_file(Path("/home/you/grounding.yaml"), text, {})


def test_without_a_file_or_with_an_empty_one_there_are_no_stores(tmp_path: Path) -> None:
    assert not read_grounding_file(tmp_path / "none.yaml", {}).stores
    for text in ("", "# nothing yet\n", "stores:\n", "stores: {}\n"):
        file = parse_grounding_file(tmp_path / "grounding.yaml", text, {})
        assert not file.stores
        assert not file.folders


def test_it_stands_beside_the_settings(home: Path) -> None:
    assert load_settings().grounding_file == home / "config" / "grounding.yaml"


def test_folders_are_told_from_stores_and_nothing_is_imported_or_looked_up() -> None:
    file = parse_grounding_file(Path("/home/you/grounding.yaml"), GOOD, {})
    assert list(file.folders) == ["papers"]
    papers = file.folders["papers"]
    assert (papers.absolute, papers.watch, papers.shareable) == (Path("/home/you/kb"), True, True)
    assert list(file.stores) == ["handbook", "wiki"]
    handbook = file.stores["handbook"]
    assert isinstance(handbook, OpenAI)
    assert handbook.base_url == "http://ogx:8321/v1"
    assert (handbook.shareable, handbook.readers) == (False, ("ana", "*"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n", "grounding.yaml:1: the file: it is not a mapping"),
        ("stores: {\n", "grounding.yaml:2: not YAML"),
        ("stores: !!python/object:os.system {}\n", "not YAML"),
        (
            "stores:\n  a: {provider: local, path: x}\n  a: {provider: local, path: y}\n",
            ":3: a is written twice",
        ),
        ("store: {}\n", "grounding.yaml:1: store: unknown key."),
        ("stores:\n  vs_1: {provider: local, path: x}\n", ":2: stores.vs_1: it is no name of a store."),
        ("stores:\n  a/b: {provider: local, path: x}\n", ":2: stores.a/b: it is no name of a store."),
        ("stores:\n  a: [1]\n", ":2: stores.a: it is not a mapping"),
        ("stores:\n  a: {path: x}\n", ":2: stores.a: it names no provider."),
        ("stores:\n  a:\n    provider: opnai\n", ":3: stores.a.provider: there is no provider 'opnai'."),
        ("stores:\n  a:\n    provider: local\n", ":2: stores.a.path: it is missing."),
        ("stores:\n  a:\n    provider: local\n    path: x\n    pth: y\n", ":5: stores.a.pth: unknown key."),
        (f"{OPENAI}, base_url: ftp://x/v1}}}}", "stores.a.base_url: it is no address"),
        (
            f"{OPENAI}, base_url: 'http://u:secret@h/v1'}}}}",
            "stores.a.base_url: it has more than host and path",
        ),
        (f"{OPENAI}, base_url: 'http://api.example.com/v1'}}}}", "beyond the own network by https:// alone"),
        (f"{OPENAI}, api_key_env: A, api_key_file: b}}}}", "stores.a: api_key_env and api_key_file are both"),
        (f"{OPENAI}, api_key: sk-secret}}}}", "stores.a.api_key: unknown key."),
        (f"{OPENAI}, readers: ana}}}}", "stores.a.readers: it is not a list."),
    ],
)
def test_a_wrong_file_is_told_where(text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(text)
    assert words in caught.value.message
    assert "secret" not in caught.value.message + caught.value.hint


def test_the_nearest_provider_and_the_known_fields_are_said() -> None:
    with pytest.raises(SettingsError) as caught:
        read("stores: {a: {provider: qdrnt}}")
    assert caught.value.hint == "Did you mean qdrant?"
    with pytest.raises(SettingsError) as caught:
        read("stores: {a: {provider: zzz}}")
    assert "openai" in caught.value.hint
    with pytest.raises(SettingsError) as caught:
        read(f"{OPENAI}, api_key: sk-secret}}}}")
    assert "api_key_env, api_key_file" in caught.value.hint


def failure(text: str, folder: Path, environment: dict[str, str]) -> KanoaError:
    entry = parse_grounding_file(folder / "grounding.yaml", text, environment).stores["a"]
    with pytest.raises(RetrieverFailed) as caught:
        connect("a", entry).search("x")
    return caught.value


def test_a_key_that_is_not_there_is_found_when_it_is_needed(tmp_path: Path) -> None:
    error = failure(f"{OPENAI}, api_key_env: MY_KEY}}}}", tmp_path, {})
    assert "grounding.yaml:1: stores.a: there is no key: MY_KEY is not set." in error.message
    assert "MY_KEY" in error.hint


def test_a_key_that_others_can_read_is_refused_and_not_shown(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-secret\n")
    key.chmod(0o644)
    error = failure(f"{OPENAI}, api_key_file: key}}}}", tmp_path, {})
    assert f"others can read {key}" in error.message
    assert f"chmod 600 {key}" in error.hint
    key.write_text("sk secret")
    key.chmod(0o600)
    error = failure(f"{OPENAI}, api_key_file: key}}}}", tmp_path, {})
    assert "is no key" in error.message
    assert "secret" not in error.message


def test_what_is_read_shows_no_key() -> None:
    text = f"{OPENAI}, api_key_env: MY_KEY}}}}"
    file = parse_grounding_file(Path("grounding.yaml"), text, {"MY_KEY": "sk-secret"})
    entry = file.stores["a"]
    assert isinstance(entry, OpenAI)
    assert entry.key() == "sk-secret"
    assert "sk-secret" not in repr(file) + repr(connect("a", entry)) + entry.model_dump_json()
