"""A model from Hugging Face's config.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kanoa_mlops.catalog.foreign import language, sight
from kanoa_mlops.catalog.foreign.family import Composite, Kind, Language, Served, find_family, find_tower
from kanoa_mlops.catalog.foreign.found import Found, build_model
from kanoa_mlops.catalog.foreign.published import quantization_id
from kanoa_mlops.catalog.foreign.reading import Reading
from kanoa_mlops.catalog.foreign.refusal import refusal
from kanoa_mlops.catalog.foreign.sight import Parts
from kanoa_mlops.catalog.foreign.telling import telling
from kanoa_mlops.catalog.foreign.tensors import SafetensorsFacts
from kanoa_mlops.catalog.types import Model

_FILE = "config.json"
_FORMAT = "https://huggingface.co/docs/transformers/main_classes/configuration"
_DTYPES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}
_PLAIN = ("BF16", "F16", "F32")
_BYTES = {"BF16": 2, "F16": 2, "F32": 4}
# Files and shapes may differ by what is stored and not loaded: an adapter's rest, a copy of the head.
_AGREEMENT = 0.02


@dataclass(frozen=True)
class _Shape:
    """What a configuration alone says."""

    family: Language | Composite
    architecture: dict[str, Any]
    vision: dict[str, Any] | None
    parameters: int
    dtype: object
    """As the configuration writes it; None where it does not."""

    @property
    def served(self) -> Served | None:
        return self.family.vllm


def model_from_config(
    config: Mapping[str, Any],
    *,
    name: str,
    tensors: SafetensorsFacts | None = None,
    preprocessor: Mapping[str, Any] | None = None,
    found: Found | None = None,
) -> Model:
    """What a model's configuration says of it, made exact by the headers of its files where those are given.

    Args:
        name: 'org/name' or the name of a file or folder; it becomes the title and the id.
        preprocessor: preprocessor_config.json; without it the numbers are those of its class.

    Raises:
        UnknownArchitecture: naming the field or type that is missing or not understood.
    """
    found = found or Found(_FORMAT)
    shape = _read_shape(config, preprocessor or {})
    dtype = _dtype(shape.dtype, tensors)
    quantization = quantization_id(config, dtype, _FILE)
    exact = tensors if tensors and quantization in ("bf16", "f16", "f32") else None
    notes = [_check(shape, exact, dtype)]
    architecture = shape.architecture | {
        "hub_class": _class(config, shape.family),
        "dtype": dtype,
        "parameters": _parameters(shape, exact, dtype),
        "source": "files",
    }
    if exact and exact.tensors and not exact.elements("output"):
        architecture["tied_embeddings"] = True
    if shape.vision and not preprocessor and shape.vision["image_tokens"]["kind"] != "fixed":
        notes.append("limits of images are those its class has by default")
    return build_model(
        {
            "inputs": ("text", "image") if shape.vision else ("text",),
            "architecture": architecture,
            "vision": _vision(shape, exact),
            "engines": _engines(shape),
            "weights": _weights(shape, tensors, quantization, found),
        },
        name=name,
        found=found,
        notes=notes,
    )


def _read_shape(config: Mapping[str, Any], preprocessor: Mapping[str, Any]) -> _Shape:
    family = _family(config, _FILE)
    if isinstance(family, Language):
        for key in ("num_hidden_layers", "hidden_size"):
            if key not in config:
                raise refusal(_FILE, f"{key} is missing")
        reading = Reading(config, family, _FILE)
        return _Shape(
            family,
            language.architecture(reading, family),
            None,
            language.parameters(reading, family),
            reading.get("torch_dtype") or reading.get("dtype"),
        )
    return _read_composite(config, family, preprocessor)


def _read_composite(config: Mapping[str, Any], family: Composite, preprocessor: Mapping[str, Any]) -> _Shape:
    whole = Reading(config, family, _FILE)
    text_values = _part(config, family.text) or {
        key: value for key, value in config.items() if key not in (family.vision, "model_type")
    }
    text_family = _family({"model_type": family.text_type, **text_values}, f"{_FILE}: {family.text}")
    if not isinstance(text_family, Language):
        raise refusal(_FILE, f"{family.text} should be a language model")
    text = Reading(_inherit(text_values, whole), text_family, f"{_FILE}: {family.text or 'top'}")
    vision_values = _part(config, family.vision)
    vision_type = str(vision_values.get("model_type") or family.vision_type)
    vision_type = family.vision_spellings.get(vision_type, vision_type)
    tower, images = find_tower(vision_type), family.towers.get(vision_type)
    if tower is None or images is None:
        raise refusal(_FILE, f"its vision tower is of the type {vision_type!r}, which is not understood here")
    Reading(config, Kind(source=family.source, understood=images.understood), _FILE)
    vision = Reading(vision_values, tower, f"{_FILE}: {family.vision or 'vision'}")
    parts = Parts(whole, text, vision, images, {**family.preprocessor, **preprocessor})
    seen = sight.vision(parts, tower, vision, images)
    architecture = language.architecture(text, text_family)
    if family.architecture:
        architecture["name"] = family.architecture
    return _Shape(
        family,
        architecture,
        seen,
        language.parameters(text, text_family) + seen["parameters"],
        whole.get("torch_dtype") or whole.get("dtype") or text.get("torch_dtype") or text.get("dtype"),
    )


def _family(config: Mapping[str, Any], where: str) -> Language | Composite:
    model_type = config.get("model_type")
    if not isinstance(model_type, str):
        raise refusal(where, "model_type is missing")
    family = find_family(model_type)
    if family is None:
        said = telling(config) or telling(_part(config, "text_config"))
        because = f" ({said})" if said else ""
        raise refusal(where, f"the model_type {model_type[:60]!r} is not understood{because}")
    return family


def _part(config: Mapping[str, Any], key: str | None) -> Mapping[str, Any]:
    value = config.get(key) if key else None
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise refusal(_FILE, f"{key} should be a mapping")
    return value


def _inherit(text: Mapping[str, Any], whole: Reading) -> Mapping[str, Any]:
    """Whether the embedding is tied may be told of the whole alone."""
    key = "tie_word_embeddings"
    if key in text or whole.get(key) is None:
        return text
    return {**text, key: whole.get(key)}


def _class(config: Mapping[str, Any], family: Language | Composite) -> str:
    named = config.get("architectures") or family.classes[:1]
    if not isinstance(named, list | tuple) or not named or named[0] not in family.classes:
        raise refusal(
            _FILE,
            f"architectures is {str(named)[:80]}; of this model_type only {' and '.join(family.classes)} "
            "is a model that answers",
        )
    return str(named[0])


def _dtype(given: object, tensors: SafetensorsFacts | None) -> str:
    """Of the tensors as they are stored, or as the configuration says."""
    if tensors and tensors.dtype in _PLAIN:
        return str(tensors.dtype)
    name = str(given).removeprefix("torch.")
    if name not in _DTYPES:
        what = "is missing" if given is None else f"is {name[:40]!r}, which is not understood"
        raise refusal(_FILE, f"torch_dtype {what}")
    return _DTYPES[name]


def _parameters(shape: _Shape, exact: SafetensorsFacts | None, dtype: str) -> int:
    if exact is None:
        return shape.parameters
    if not exact.tensors:
        return exact.size // _BYTES[dtype]
    # A head that is stored though it is tied is not loaded.
    head = 0 if shape.architecture["tied_embeddings"] else exact.elements("output")
    return exact.elements("language", "vision") + head


def _check(shape: _Shape, exact: SafetensorsFacts | None, dtype: str) -> str:
    """How the parameters were counted, in words.

    Raises:
        UnknownArchitecture: the files hold another model than the configuration describes.
    """
    if exact is None:
        return "parameters are the sum of the shapes its configuration implies"
    counted = _parameters(shape, exact, dtype)
    if abs(counted - shape.parameters) > _AGREEMENT * shape.parameters:
        raise refusal(
            _FILE,
            f"it describes {shape.parameters:,} parameters, and the files hold {counted:,}: "
            "the model has parts that are not understood",
        )
    how = "the sum of its tensors' elements" if exact.tensors else "the size of its tensors"
    return f"parameters are {how}"


def _vision(shape: _Shape, exact: SafetensorsFacts | None) -> dict[str, Any] | None:
    if shape.vision is None:
        return None
    counted = exact.elements("vision") if exact else 0
    return shape.vision | {"parameters": counted or shape.vision["parameters"], "source": "files"}


def _engines(shape: _Shape) -> dict[str, Any]:
    served = shape.served
    return {} if served is None else {"vllm": served.model_dump() | {"source": "files"}}


def _weights(
    shape: _Shape, tensors: SafetensorsFacts | None, quantization: str, found: Found
) -> list[dict[str, Any]]:
    """As they are published, and what vLLM makes of them while loading."""
    size = f"{tensors.size} B" if tensors else None
    common: dict[str, Any] = {"format": "safetensors", "source": "files"}
    if found.repo:
        common["hub"] = {"repo": found.repo, "revision": found.revision or None, "size": size}
    else:
        common["local"] = [{"path": found.path or _FILE, "size": size}]
    held = _held(shape, tensors)
    if quantization not in ("bf16", "f16", "f32"):
        return [common | {"name": quantization, "quantization": quantization, "tensors": held}]
    # Unless it is told otherwise, vLLM loads what is published in 32 bits in 16.
    names = ["bf16" if quantization == "f32" else quantization, "fp8"]
    names += ["bnb4"] if "experts" not in shape.architecture else []
    names += ["f32"] if quantization == "f32" else []
    return [
        common | {"name": each, "quantization": each, "tensors": held if each == quantization else None}
        for each in names
    ]


def _held(shape: _Shape, tensors: SafetensorsFacts | None) -> str | None:
    """Of the language model, as it is loaded."""
    if tensors is None or not tensors.tensors:
        return None
    head = 0 if shape.architecture["tied_embeddings"] else tensors.bytes("output")
    return f"{tensors.bytes('language') + head} B"
