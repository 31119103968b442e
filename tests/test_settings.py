import traceback
from pathlib import Path

import pytest

from kanoa_mlops.errors import SettingsError
from kanoa_mlops.settings import load_settings


def settings_with(tmp_path: Path, text: str, **environment: str):  # type: ignore[no-untyped-def]
    file = tmp_path / "mlops.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings({"KANOA_MLOPS_CONFIG": str(file), **environment})


def test_defaults_keep_to_this_machine(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, "")
    assert (settings.host, settings.port, settings.offline) == ("127.0.0.1", 8000, False)


def test_the_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, 'port = 8100\nhost = "::1"\n', KANOA_MLOPS_PORT="8200")
    assert (settings.host, settings.port) == ("::1", 8200)


def test_every_path_can_be_set(tmp_path: Path) -> None:
    settings = settings_with(
        tmp_path,
        f'cache_dir = "{tmp_path}/a"\n',
        KANOA_MLOPS_STATE_DIR=f"{tmp_path}/b",
        KANOA_MLOPS_CATALOG_DIR=f"{tmp_path}/c",
        HF_HUB_CACHE=f"{tmp_path}/d",
    )
    assert (settings.weights_dir, settings.servers_dir) == (tmp_path / "a/weights", tmp_path / "b/servers")
    assert (settings.catalog_dir, settings.hub_cache) == (tmp_path / "c", tmp_path / "d")


def test_a_tilde_is_the_home_folder(tmp_path: Path) -> None:
    assert settings_with(tmp_path, 'cache_dir = "~/x"').cache_dir == Path("~/x").expanduser()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("prot = 8100", "prot: Extra inputs are not permitted"),
        ('port = "http"', "port: Input should be a valid integer"),
        ("port = 8100 8200", "is not valid TOML"),
        ('max_body_bytes = "64 tokens"', "'64 tokens' is not a size"),
    ],
)
def test_a_mistake_names_file_and_key(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint) as caught:
        settings_with(tmp_path, text)
    assert str(tmp_path / "mlops.toml") in caught.value.message


def test_a_mistake_in_the_environment_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"environment: KANOA_MLOPS_PORT: .* valid integer"):
        settings_with(tmp_path, "", KANOA_MLOPS_PORT="http")


def test_the_index_pip_uses_is_used(tmp_path: Path) -> None:
    pip = tmp_path / "pip.conf"
    pip.write_text("[global]\nindex-url = https://mirror.example/simple\n", encoding="utf-8")
    assert settings_with(tmp_path, "", PIP_CONFIG_FILE=str(pip)).index_urls == (
        "https://mirror.example/simple",
    )
    named = settings_with(
        tmp_path, "", PIP_CONFIG_FILE=str(pip), PIP_INDEX_URL="https://other.example/simple"
    )
    assert named.index_urls == ("https://other.example/simple",)


def test_a_size_may_be_written_with_its_unit(tmp_path: Path) -> None:
    assert settings_with(tmp_path, 'max_body_bytes = "8 MiB"').max_body_bytes == 8 * 2**20


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://nas", "http://nas:80"),
        ("https://nas/ollama/", "https://nas:443/ollama"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        (":9000", "http://127.0.0.1:9000"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("[::]", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        (' "nas:http" ', "http://nas:11434"),
    ],
)
def test_ollama_is_looked_for_where_ollama_itself_would(tmp_path: Path, host: str, url: str) -> None:
    assert settings_with(tmp_path, "", OLLAMA_HOST=host).ollama_url == url


def test_the_address_of_the_books_is_kept_and_never_shown(tmp_path: Path) -> None:
    url = "postgresql://kanoa:Tr0ub4dor@db/books"
    for settings in (
        settings_with(tmp_path, f'books_url = "{url}"'),
        settings_with(tmp_path, "", KANOA_MLOPS_BOOKS=url, KANOA_MLOPS_BOOKS_PASSWORD_FILE="~/word"),
    ):
        assert settings.books_url.get_secret_value() == url
        assert "Tr0ub4dor" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert settings.books_password_file == Path("~/word").expanduser()
    assert settings_with(tmp_path, "").books_url is None


def test_what_is_no_address_of_the_books_is_not_quoted(tmp_path: Path) -> None:
    word = f"{0xDECADE:x}"  # which stands in no line of a traceback
    with pytest.raises(SettingsError, match=r"KANOA_MLOPS_BOOKS: .*does not begin with postgres") as found:
        settings_with(tmp_path, "", KANOA_MLOPS_BOOKS=f"mysql://kanoa:{word}@db/books")
    assert word not in "".join(traceback.format_exception(found.value))


def test_ollama_is_looked_for_on_this_machine(tmp_path: Path) -> None:
    assert settings_with(tmp_path, "").ollama_url == "http://127.0.0.1:11434"
    assert settings_with(tmp_path, 'ollama_url = "nas:11434"').ollama_url == "http://nas:11434"
