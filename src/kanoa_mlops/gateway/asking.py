"""A request as the policy sees it, from its body and its headers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any

from kanoa_mlops.gateway.body import Asked
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.guest import Guest
from kanoa_mlops.gateway.images import references
from kanoa_mlops.gateway.policy.ask import Ask, Burst

_BURSTS: Mapping[str, Burst] = {"": "allow", "never": "never", "allow": "allow", "require": "require"}
_FAMILIAR = 2048  # characters of a beginning by which prompts are told apart
# Bytes of JSON for a token of the prompt: English has 4 to 5, a table of numbers 2 to 3. No tokenizer makes
# more than a token of a byte.
_LIKELY_BYTES = 4
# Tokens that a chat template adds; that of gpt-oss, a hundred or so, is the longest we know.
_TEMPLATE = 256
# Tokens of an image; the most is what Qwen3-VL takes of a large one.
IMAGE_LIKELY, _IMAGE_MOST = 1_200, 16_384


def ask_of(
    asked: Asked,
    model: str,
    guest: Guest,
    burst: Burst,
    *,
    id: str,
    seconds: float,
    images: bool,
    shared: bool,
    kept_here: str = "",
) -> Ask:
    """
    Args:
        id: the gateway's own for the request.
        seconds: how long it may wait.
        images: they go to the model as they are.
        kept_here: why it may not leave the owner's machines.
        shared: several backends serve the model, so it matters where such a prompt was seen.
    """
    fields = asked.fields
    count = len(references(fields)) if images else 0
    size = _size(asked)
    now = time.monotonic()
    return Ask(
        id,
        model,
        guest.id,
        prompt_tokens=size // _LIKELY_BYTES + count * IMAGE_LIKELY,
        arrived=now,
        deadline=now + seconds,
        max_answer_tokens=_longest_answer(fields),
        answers=_answers(fields),
        images=count > 0,
        tools=bool(fields.get("tools")),
        structured=_structured(fields),
        burst="never" if kept_here and burst == "allow" else burst,
        kept_here=kept_here,
        prompt_least=0,  # the engine counts, and says so where it is too much
        prompt_most=size + _TEMPLATE + count * _IMAGE_MOST,
        prefix=_prefix(fields) if shared else b"",
    )


def parse_burst(header: str) -> Burst:
    """What the request's `x-kanoa-burst` asks for.

    Raises:
        ApiError: 400 for another word.
    """
    if word := _BURSTS.get(header):
        return word
    raise ApiError(
        400,
        "The header x-kanoa-burst must be 'never', 'allow' or 'require'.",
        code="invalid_value",
        param="x-kanoa-burst",
    )


def _size(asked: Asked) -> int:
    """Bytes of what is said, without the images' own."""
    if len(asked.raw) < _FAMILIAR or "messages" not in asked.fields:
        return len(asked.raw)
    pictures = sum(len(each.url) for each in references(asked.fields) if each.is_data)
    return max(0, len(asked.raw) - pictures)


def _longest_answer(fields: Mapping[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        limit = fields.get(name)
        if isinstance(limit, int) and limit > 0:
            return limit
    return None


def _answers(fields: Mapping[str, Any]) -> int:
    most = 1
    for name in ("n", "best_of"):
        wanted = fields.get(name)
        if isinstance(wanted, int):
            most = max(most, wanted)
    return most


def _structured(fields: Mapping[str, Any]) -> bool:
    wanted = fields.get("response_format")
    return isinstance(wanted, dict) and wanted.get("type") in ("json_schema", "json_object")


def _prefix(fields: Mapping[str, Any]) -> bytes:
    """What engines remember of a prompt is its beginning: the system's text, or whatever stands first."""
    messages = fields.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else fields.get("prompt")
    content = first.get("content") if isinstance(first, dict) else first
    parts = content if isinstance(content, list) else [content]
    digest = hashlib.blake2b(digest_size=16)
    for part in parts[:2]:
        # Images differ late, in their bytes, as their heads are alike.
        digest.update(_text(part).encode("utf-8", "surrogatepass"))
    return digest.digest()


def _text(part: object) -> str:
    if isinstance(part, str):
        return part[:_FAMILIAR]
    if not isinstance(part, dict):
        return ""
    image = part.get("image_url")
    if isinstance(image, dict):
        url = image.get("url")
        return url if isinstance(url, str) else ""
    text = part.get("text")
    return text[:_FAMILIAR] if isinstance(text, str) else ""  # anything else may be too deep to be written
