"""How fast a setup decodes and how long it thinks before the first token.

A roofline: one step of decoding reads every active weight and the cache once, and each layer costs a
fixed time besides; the prompt is computed at a share of the peak operations. Both are intervals.
"""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.catalog.types import Engine, Machine
from kanoa_mlops.planner.cache import read_bytes
from kanoa_mlops.planner.estimate import Estimate, constant
from kanoa_mlops.planner.images import image_tokens, most_patches
from kanoa_mlops.planner.setup import Setup
from kanoa_mlops.planner.weights import linear_parameters

_TEXT_TOKENS = 500
"""Of a prompt with a question and its instructions."""
_FIGURE = (1280, 960)
"""Pixels of a figure as notebooks draw them at twice the screen's resolution."""
_ANSWER_TOKENS = 500


@dataclass(frozen=True)
class Speed:
    decode: Estimate
    """Tokens a second of one request alone; of a model that does not write, those it reads."""
    first_token: Estimate
    """Seconds, with a figure if the model sees one."""
    basis: str
    """What the numbers rest on."""


def speed(setup: Setup, machine: Machine) -> Speed:
    """Of one request with a prompt of half a page and a figure; of one that only reads, of that."""
    if setup.model.kind != "chat":
        return _reading(setup, machine)
    step = _step_seconds(setup, machine)
    first = _prompt_seconds(setup, machine) + step
    decode = Estimate(1 / step.expected, 1 / step.high, 1 / step.low)
    return Speed(decode, first, _basis(setup, machine))


def _reading(setup: Setup, machine: Machine) -> Speed:
    """It answers when it has read."""
    seconds = _prompt_seconds(setup, machine)
    tokens = prompt_tokens(setup)
    rate = Estimate(tokens / seconds.expected, tokens / seconds.high, tokens / seconds.low)
    what = "cores" if setup.place == "cpu" else "the card's peak"
    return Speed(rate, seconds, f"operations a token over those of {what}; a text of {tokens} tokens")


def prompt_tokens(setup: Setup) -> int:
    """Of that prompt, image tokens included."""
    vision = setup.model.vision
    if vision is None or not setup.images or not vision.in_prompt:
        return _TEXT_TOKENS
    return _TEXT_TOKENS + image_tokens(vision, *_FIGURE)


def _step_seconds(setup: Setup, machine: Machine) -> Estimate:
    """Of one token."""
    active = active_bytes(setup)
    cached = read_bytes(setup.model, prompt_tokens(setup) + _ANSWER_TOKENS // 2, setup.cache_type)
    layers = setup.model.architecture.layers
    overhead = constant(setup.engine, f"layer_seconds_{_device(setup, machine)}") * layers
    if setup.place == "cpu":
        return _over(active + cached, _memory_bandwidth(machine), setup.engine, "cpu") + overhead
    card = machine.accelerators[0]
    shards = setup.gpus if setup.engine.id == "vllm" else 1
    host_share = _host_share(setup, active)
    near = (active * (1 - host_share) + cached) / shards
    bandwidth = _bandwidth(card.bandwidth)
    step = _over(near, bandwidth, setup.engine, "gpu") + overhead
    if host_share:
        step += _over(active * host_share, _memory_bandwidth(machine), setup.engine, "cpu")
    return step * (1 / card.link.decode_share)


def active_bytes(setup: Setup) -> float:
    """Weights one token passes; the token embedding is looked up, not read."""
    model, bits = setup.model, setup.quantization.bits
    shape = model.architecture
    experts = shape.expert_parameters
    if shape.experts:
        experts = experts * shape.experts.used // shape.experts.count
    read = linear_parameters(model) * bits.linear + experts * bits.experts
    return (read + shape.embedding_parameters * bits.output) / 8


def _host_share(setup: Setup, active: float) -> float:
    """Of the active bytes, those that lie in the machine's memory."""
    shape = setup.model.architecture
    if setup.resident_layers is not None:
        return 1 - setup.resident_layers / shape.layers
    if setup.host_experts and shape.experts:
        used = shape.expert_parameters * shape.experts.used / shape.experts.count
        moved = used * setup.quantization.bits.experts / 8 * setup.host_experts / shape.layers
        return min(1.0, moved / active)
    return 0.0


def _prompt_seconds(setup: Setup, machine: Machine) -> Estimate:
    """Two operations a parameter and token, for the text and for every patch of the image."""
    work = 2.0 * setup.model.active_parameters * prompt_tokens(setup)
    if setup.model.vision and setup.images:
        work += 2.0 * setup.model.vision.parameters * _figure_patches(setup)
    peak = _flops(setup, machine)
    share = constant(setup.engine, "prompt_share_cpu" if setup.place == "cpu" else "prompt_share_gpu")
    return Estimate(
        work / (peak.expected * share.expected),
        work / (peak.high * share.high),
        work / (peak.low * share.low),
    )


def _figure_patches(setup: Setup) -> int:
    vision = setup.model.vision
    assert vision is not None
    tokens = image_tokens(vision, *_FIGURE)
    most = image_tokens(vision, 10**5, 10**5)
    return most_patches(vision) * tokens // max(1, most)


def _over(moved: float, bandwidth: Estimate, engine: Engine, device: str) -> Estimate:
    share = constant(engine, f"bandwidth_share_{device}")
    return Estimate(
        moved / (bandwidth.expected * share.expected),
        moved / (bandwidth.high * share.high),
        moved / (bandwidth.low * share.low),
    )


_UNKNOWN_CARD = Estimate(300e9, 100e9, 1000e9)
_UNKNOWN_MEMORY = Estimate(35e9, 15e9, 80e9)
"""Bytes a second: two channels of DDR4, from one slow one to two fast of DDR5."""
_CORE_FLOPS = Estimate(50e9, 20e9, 120e9)
"""Operations a second of one core with 256-bit vectors; half without, twice with wider ones."""


def _bandwidth(known: float | None) -> Estimate:
    return Estimate.exact(known) if known else _UNKNOWN_CARD


def _memory_bandwidth(machine: Machine) -> Estimate:
    return Estimate.exact(machine.memory_bandwidth) if machine.memory_bandwidth else _UNKNOWN_MEMORY


def _flops(setup: Setup, machine: Machine) -> Estimate:
    if setup.place == "cpu":
        return _CORE_FLOPS * machine.cores
    card = machine.accelerators[0]
    if card.flops is None:
        return Estimate(50e12, 10e12, 200e12)
    return Estimate.exact(card.flops * (setup.gpus if setup.engine.id == "vllm" else 1))


def _device(setup: Setup, machine: Machine) -> str:
    return "cpu" if setup.place == "cpu" else machine.accelerators[0].vendor


def _basis(setup: Setup, machine: Machine) -> str:
    if setup.place == "cpu":
        known = machine.memory_bandwidth
        what = "memory bandwidth" + ("" if known else " (unknown here: from DDR4 to DDR5)")
    else:
        known = machine.accelerators[0].bandwidth
        what = "the card's bandwidth" + ("" if known else " (unknown card: a wide guess)")
    if setup.offloads:
        what += " and the machine's memory for what is left there"
    return f"bytes read a token over {what}; one request, {prompt_tokens(setup)} tokens of prompt"
