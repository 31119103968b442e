"""What a fake Ollama daemon has: a library to fetch from, models on disk, and models in memory."""

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

GIB = 2**30
MIB = 2**20
_LAYERS = 33
_CACHE_BYTES = 32 * 1024
"""Of one token."""
_RUNTIME = 256 * MIB
_DEFAULT_CONTEXT = 4096
_NAME = re.compile(
    r"^(((?P<host>[\w.-]+(:\d+)?)/)?(?P<namespace>[\w-]+)/)?(?P<model>[A-Za-z0-9][\w.-]*)"
    r"(:(?P<tag>[A-Za-z0-9_][\w.-]*))?$"
)


class Refusal(Exception):
    """The daemon's own error."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


def full_name(name: str) -> str:
    """'Gemma3' to 'registry.ollama.ai/library/gemma3:latest'."""
    found = _NAME.match(name)
    if not found or any(part and len(part) > 80 for part in found.group("model", "tag")):
        raise Refusal(400, "invalid model name")
    host, space = found["host"] or "registry.ollama.ai", found["namespace"] or "library"
    return f"{host}/{space}/{found['model']}:{found['tag'] or 'latest'}".lower()


def short_name(full: str) -> str:
    """As listings have it: the tag is always there."""
    return full.removeprefix("registry.ollama.ai/").removeprefix("library/")


def digest_of(seed: str) -> str:
    return "sha256:" + hashlib.sha256(seed.encode()).hexdigest()


@dataclass(frozen=True)
class Published:
    """A tag of the library."""

    weights: int = 4 * GIB
    """Bytes."""
    parameters: dict[str, Any] = field(default_factory=lambda: {"stop": ["<end>"], "temperature": 1.0})
    architecture: str = "llama"
    needs: str = "0.0.0"
    """The oldest version that may fetch it."""
    revision: int = 1

    def layers(self, name: str) -> dict[str, int]:
        """Digest -> bytes, the weights first."""
        return {
            digest_of(f"{name} weights {self.revision}"): self.weights,
            digest_of(f"{name} licence"): 8433,
            digest_of(f"{name} config"): 491,
        }


@dataclass(frozen=True)
class Stored:
    """A model on disk."""

    name: str
    layers: dict[str, int]
    """Digest -> bytes, the weights first."""
    parameters: dict[str, Any]
    architecture: str
    parent: str = ""
    projector: str = ""
    """The digest of one more file of weights, where there is one."""

    @property
    def weights(self) -> str:
        return next(iter(self.layers))

    @property
    def size(self) -> int:
        return sum(self.layers.values())

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps([self.layers, self.parameters]).encode()).hexdigest()


@dataclass
class Loaded:
    """A model in memory."""

    model: Stored
    context: int
    gpu_layers: int
    size: int
    size_vram: int
    keep_seconds: float
    used_at: float

    @property
    def expires_at(self) -> float:
        return self.used_at + self.keep_seconds


@dataclass
class Store:
    """Attributes are there to be set by tests."""

    version: str = "0.32.1"
    library: dict[str, Published] = field(default_factory=dict)
    """Short name -> what is fetched for it."""
    reachable: bool = True
    """The library, from the daemon."""
    disk_free: int = 10**15
    vram: int = 24 * GIB
    memory: int = 64 * GIB
    trained_context: int = 131072
    parallel: int = 1
    forgets_context: bool = False
    """Loads its default whatever the model says."""
    models: dict[str, Stored] = field(default_factory=dict)
    blobs: dict[str, int] = field(default_factory=dict)
    partial: dict[str, int] = field(default_factory=dict)
    loaded: dict[str, Loaded] = field(default_factory=dict)
    """By the weights' digest: the same weights are in memory but once."""

    def find(self, name: str) -> Stored:
        found = self.models.get(full_name(name))
        if found is None:
            raise Refusal(404, f"model '{name}' not found")
        return found

    def publish(self, name: str, **fields: Any) -> None:
        self.library[short_name(full_name(name))] = Published(**fields)

    def published(self, name: str) -> Published:
        """As the library answers when it is asked for a manifest."""
        short = short_name(full_name(name))
        if not self.reachable:
            raise Refusal(
                500,
                "pull model manifest: Get "
                f'"https://registry.ollama.ai/v2/library/{short.replace(":", "/manifests/")}": '
                "dial tcp: lookup registry.ollama.ai: no such host",
            )
        if short not in self.library:
            raise Refusal(500, "pull model manifest: file does not exist")
        found = self.library[short]
        if _numbers(found.needs) > _numbers(self.version):
            raise Refusal(
                500,
                "pull model manifest: 412: \n\nThe model you are attempting to pull requires a newer version "
                "of Ollama.\n\nPlease download the latest version at:\n\n\thttps://ollama.com/download\n\n",
            )
        return found

    def keep(self, name: str, layers: dict[str, int], parameters: dict[str, Any], **fields: str) -> Stored:
        full = full_name(name)
        fields.setdefault("architecture", "llama")
        self.models[full] = Stored(full, layers, parameters, **fields)
        self.blobs |= layers
        return self.models[full]

    def load(self, name: str, keep_seconds: float | None) -> Loaded:
        """Into memory, or found there; what was asked last says how long it stays."""
        model = self.find(name)
        self.expire()
        if model.architecture == "mllama" and _numbers(self.version) >= (0, 30):
            raise Refusal(500, "llama-server: error loading model: unknown model architecture: 'mllama'")
        now = time.monotonic()
        wanted = self._wanted(model)
        here = self.loaded.get(model.weights)
        if here is None or (here.context, here.gpu_layers) != wanted:
            here = self.loaded[model.weights] = self._place(model, *wanted)
        here.used_at = now
        if keep_seconds is not None:
            here.keep_seconds = keep_seconds
        if here.keep_seconds == 0:
            del self.loaded[model.weights]
        return here

    def unload(self, name: str) -> None:
        self.loaded.pop(self.find(name).weights, None)

    def expire(self) -> None:
        now = time.monotonic()
        self.loaded = {key: each for key, each in self.loaded.items() if each.expires_at > now}

    def _wanted(self, model: Stored) -> tuple[int, int]:
        asked = (
            _DEFAULT_CONTEXT if self.forgets_context else model.parameters.get("num_ctx", _DEFAULT_CONTEXT)
        )
        return min(int(asked), self.trained_context), int(model.parameters.get("num_gpu", -1))

    def _place(self, model: Stored, context: int, gpu_layers: int) -> Loaded:
        """On the card, as far as it goes; others are put out if that helps."""
        self.loaded.pop(model.weights, None)
        size = model.layers[model.weights] + context * self.parallel * _CACHE_BYTES + _RUNTIME
        if size > self.memory:
            raise Refusal(
                500,
                f"model requires more system memory ({size / GIB:.1f} GiB) than is available "
                f"({self.memory / GIB:.1f} GiB)",
            )
        share = 1.0 if gpu_layers < 0 else min(1.0, gpu_layers / _LAYERS)
        wanted = round(size * share)
        if wanted > self.vram - sum(each.size_vram for each in self.loaded.values()):
            self.loaded.clear()
        return Loaded(model, context, gpu_layers, size, min(wanted, self.vram), 300.0, time.monotonic())


def go_value(value: Any) -> str:
    """As Go's %#v prints what came out of JSON."""
    if isinstance(value, str):
        return json.dumps(value)
    text = f"{value:.17g}" if isinstance(value, float) else str(value)
    if isinstance(value, int) and abs(value) >= 10**21:
        return f"{value:e}"
    if isinstance(value, int) and value >= 10**6:
        mantissa, exponent = f"{value:.15e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent):+03d}"
    return repr(value) if isinstance(value, float) else text


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(each) for each in re.findall(r"\d+", version)[:3])
