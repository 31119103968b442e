"""A front door described in a file: which engines stand behind it, whoever runs them, and what it may use
beyond the LAN."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, HttpUrl

from kanoa_mlops.errors import SettingsError
from kanoa_mlops.gateway.backends import Backend, Kind
from kanoa_mlops.gateway.burst.allowed import BurstConfig, Tokens
from kanoa_mlops.gateway.burst.grant import Burst
from kanoa_mlops.gateway.vectors import Vectors
from kanoa_mlops.marked import Marked, read_marked
from kanoa_mlops.placed import Placed, validated

if TYPE_CHECKING:
    from kanoa_mlops.catalog.load import Catalog
    from kanoa_mlops.gateway.burst.granting import KeyOf


def _near(tier: object) -> object:
    if tier == "hosted":
        raise ValueError("what is hosted is allowed in the burst section, with its price and a cap")
    return tier


def _engine(name: str) -> str:
    """Any may be named; one of ours that is misspelled would be asked for no counters, in silence.

    A name that has one of ours in it as a word is of something else: a fork, or what stands before it.
    """
    # With it comes what reads counters, which a command that only shows its help need not wait for.
    from kanoa_mlops.gateway.counters.dialect import ENGINES, engine_name

    given = engine_name(name)
    if any(re.search(rf"(?<![a-z0-9]){re.escape(each)}(?![a-z0-9])", given) for each in ENGINES):
        return name
    if near := difflib.get_close_matches(given, ENGINES, cutoff=0.7):
        raise ValueError(f"{name!r} is not known; write {' or '.join(near)}")
    return name


class VectorsConfig(Placed):
    """Of a model that makes them, as its card says."""

    dimensions: Annotated[int, Field(gt=0)]
    """Numbers of one."""
    shortest: Annotated[int, Field(gt=0)] | None = None
    """It may be cut to any length from this one on; None where it is of use only whole."""
    cuts: tuple[Annotated[int, Field(gt=0)], ...] = ()
    """The lengths it may be cut to, where the model was trained for these alone."""
    query_prompt: str = ""
    """Written before a question."""
    document_prompt: str = ""
    """Written before a text that is searched."""


class BackendConfig(Placed):
    """One engine that serves one model. Several that serve the same are a pool."""

    model: Annotated[str, Field(min_length=1)]
    """The served name."""
    id: Annotated[str, Field(pattern=r"^[!-~]*$")] = ""
    """What the backend is called in the books and in answers; as it comes, the model's name, numbered."""
    url: HttpUrl
    """Where the engine answers, with or without `/v1`."""
    engine: Annotated[str, AfterValidator(_engine)]
    """'vllm', 'llama.cpp', 'ollama', or 'kanoa-mlops' of another gateway; told to who asks."""
    aliases: tuple[str, ...] = ()
    tier: Annotated[Literal["local", "lan", "cloud"], BeforeValidator(_near)] = "local"
    """`cloud` is a machine that is paid for by the hour, on which an answer more costs nothing."""
    parallel: Annotated[int, Field(gt=0)] = 256
    """Requests it works on at once; as it comes, vLLM's own most on common cards (`--max-num-seqs`)."""
    kind: Kind | None = None
    """What the model is for; as it comes, whatever is asked is left to the engine to judge."""
    vectors: VectorsConfig | None = None
    """Those it makes; as it comes, they are taken whole and texts go as they are."""
    sees: bool = False
    """Takes images as they are."""
    tools: bool = True
    structured: bool = True
    """Follows a schema, as all three engines do."""
    reasons: bool = False
    """Thinks before it answers; the first that does is meant by `reasoning`."""
    system: bool = True
    """Its chat template knows a system role; else what a gateway has to say stands in the user's message."""
    context: Tokens
    """Tokens of one request, prompt and answer."""
    upstream_model: str = ""
    """What the engine calls the model, where that is not the served name."""
    key_file: Path | None = None
    """Holds the bearer key that the engine wants; relative to the folder of this file."""
    health: str = "/health"
    """Path that answers 200 when the engine can take requests."""


class QueueConfig(Placed):
    """Of each pool."""

    length: Annotated[int, Field(ge=0)] = 64
    """Requests that wait at most."""
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 300.0
    """How long one waits at most."""


class GatewayConfig(Placed):
    backends: tuple[BackendConfig, ...] = Field(min_length=1)
    open: bool = False
    """Asks for no keys and keeps no books, whoever reaches it: something before it decides who does."""
    queue: QueueConfig = QueueConfig()
    burst: BurstConfig | None = None
    """What may be used beyond the LAN, as in a `burst.yaml`."""


def read_config(path: Path) -> GatewayConfig:
    """
    Raises:
        SettingsError: it cannot be read, is not YAML, or holds what is not understood; names file and line.
    """
    config = validated(_read(path), GatewayConfig)
    if config.open and config.burst is not None:
        raise config.mistake(
            "open", "what asks for no keys and keeps no books spends no money.", "Remove open, or burst."
        )
    _refuse_shared_names(config)
    _refuse_shared_ids(config)
    ids = _ids(config)
    backends = tuple(each.model_copy(update={"id": next(ids)}) for each in config.backends)
    return config.model_copy(update={"backends": backends})


def _read(path: Path) -> Marked:
    hint = "`kanoa-mlops gateway --help` shows the least that one holds."
    try:
        marked = read_marked(path)
    except SettingsError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        raise SettingsError(f"{path} is not there.", hint=hint) from error
    if marked.document is None:
        raise marked.mistake((), "it is empty.", hint)
    return marked


def burst_in(config: GatewayConfig, catalog: Catalog, key_of: KeyOf) -> Burst:
    """What its `burst:` section allows; without one, nothing.

    Args:
        key_of: `Secrets.key_of`.

    Raises:
        SettingsError: an entry cannot be granted; names file and line.
    """
    # With the whole catalog, that only those need who name something beyond the LAN.
    from kanoa_mlops.gateway.burst.granting import burst_of

    taken = [each.id for each in config.backends]
    return burst_of(config.burst or BurstConfig(), catalog, key_of, taken)


def backend_of(config: BackendConfig) -> Backend:
    """Nobody has looked at it yet.

    Raises:
        SettingsError: its key cannot be read.
    """
    return Backend(
        model=config.model,
        aliases=config.aliases,
        url=str(config.url).rstrip("/").removesuffix("/v1"),
        engine=config.engine,
        sees=config.sees,
        context_tokens=config.context,
        state="unknown",
        engine_key=_key(config),
        upstream_model=config.upstream_model,
        tier=config.tier,
        id=config.id or config.model,
        slots=config.parallel,
        tools=config.tools,
        structured=config.structured,
        takes_system=config.system,
        reasons=config.reasons,
        kind=config.kind,
        vectors=_vectors(config.vectors) if config.vectors else None,
    )


def _vectors(config: VectorsConfig) -> Vectors:
    return Vectors(
        config.dimensions, config.shortest, config.cuts, config.query_prompt, config.document_prompt
    )


def _refuse_shared_names(config: GatewayConfig) -> None:
    owners: dict[str, str] = {}
    for each in config.backends:
        named = [("model", each.model), *(("aliases", alias) for alias in each.aliases)]
        for field, name in named:
            owner = owners.setdefault(name.lower(), each.model)
            if owner != each.model:
                raise each.mistake(
                    field,
                    f"two models answer to {name.lower()!r}: {owner} and {each.model}.",
                    "Give each name to one model; backends of one model are a pool.",
                )


def _refuse_shared_ids(config: GatewayConfig) -> None:
    seen = set()
    for each in config.backends:
        if each.id and each.id in seen:
            raise each.mistake("id", f"{each.id} is there twice.", "Every backend has an id of its own.")
        seen.add(each.id)


def _ids(config: GatewayConfig) -> Iterator[str]:
    used = {each.id for each in config.backends}
    for each in config.backends:
        id, number = each.id or each.model, 1
        while not each.id and id in used:
            number += 1
            id = f"{each.model}-{number}"
        used.add(id)
        yield id


def _key(config: BackendConfig) -> str:
    if config.key_file is None:
        return ""
    path = config.folder / config.key_file.expanduser()
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise config.mistake(
            "key_file", f"The key of {config.model}, {path}, cannot be read: {why}."
        ) from None
