"""A front door described in a file: which engines stand behind it, whoever runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, ValidationError

from kanoa_mlops.errors import SettingsError
from kanoa_mlops.gateway.backends import Backend


class BackendConfig(BaseModel):
    """One engine that serves one model."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: Annotated[str, Field(min_length=1)]
    """The served name."""
    url: HttpUrl
    """Where the engine answers, without `/v1`."""
    engine: str
    """'vllm', 'llama.cpp' or 'ollama'; told to who asks."""
    aliases: tuple[str, ...] = ()
    sees: bool = False
    """Takes images as they are."""
    context: Annotated[int, Field(gt=0)]
    """Tokens of one request, prompt and answer."""
    upstream_model: str = ""
    """What the engine calls the model, where that is not the served name."""
    key_file: Path | None = None
    """Holds the bearer key that the engine wants."""
    health: str = "/health"
    """Path that answers 200 when the engine can take requests."""


class GatewayConfig(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    backends: tuple[BackendConfig, ...] = Field(min_length=1)
    open: bool = False
    """Asks for no keys and keeps no books, whoever reaches it: something before it decides who does."""


def read_config(path: Path) -> GatewayConfig:
    """
    Raises:
        SettingsError: it cannot be read, is not YAML, or holds what is not understood; names the place.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {getattr(error, 'strerror', error)}.") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not YAML: {error}") from error
    try:
        config = GatewayConfig.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise SettingsError(f"{path}: {place}: {first['msg']}.") from error
    _require_one_each(config, path)
    return config


def backend_of(config: BackendConfig) -> Backend:
    """Not known to be ready yet.

    Raises:
        SettingsError: its key cannot be read.
    """
    return Backend(
        model=config.model,
        aliases=config.aliases,
        url=str(config.url).rstrip("/"),
        engine=config.engine,
        sees=config.sees,
        context_tokens=config.context,
        engine_key=_key(config),
        upstream_model=config.upstream_model,
    )


def _require_one_each(config: GatewayConfig, path: Path) -> None:
    names = [
        name
        for each in config.backends
        for name in dict.fromkeys(name.lower() for name in (each.model, *each.aliases))
    ]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"{path}: two backends answer to {name!r}.", hint="Give each name once.")


def _key(config: BackendConfig) -> str:
    if config.key_file is None:
        return ""
    try:
        return config.key_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(
            f"The key of {config.model}, {config.key_file}, cannot be read: {error.strerror}."
        ) from error
