"""Where rule and passages stand in a conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]
_SYSTEM = ("system", "developer")


def newest_question(messages: Sequence[Message]) -> int | None:
    """The place of the last message of the user's; None where there is none."""
    asking = [at for at, message in enumerate(messages) if message.get("role") == "user"]
    return asking[-1] if asking else None


def text_of(message: Message) -> str:
    """All that is said in it, without its images."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def grounded(messages: Sequence[Message], rule: str, passages: str, *, system: bool = True) -> list[Message]:
    """A copy with the passages before the newest question, and the rule at the beginning.

    Args:
        passages: fenced; empty where there are none.
        system: the model's template knows a system role; else the rule goes to the user's message too.
    """
    told = [dict(message) for message in messages]
    at = newest_question(told)
    before = passages if system else "\n\n".join(part for part in (rule, passages) if part)
    if before and at is not None:
        told[at]["content"] = _before(told[at].get("content"), before)
    return _with_rule(told, rule) if system else list(told)


def _before(content: Any, text: str) -> Any:
    """In one part with the question: places of the other parts stay, and templates that take one text do."""
    if not isinstance(content, list):
        return f"{text}\n\n{content}" if isinstance(content, str) else text
    parts = list(content)
    texts = [
        at for at, part in enumerate(parts) if isinstance(part, dict) and isinstance(part.get("text"), str)
    ]
    if not texts:
        return [*parts, {"type": "text", "text": text}]
    last = texts[-1]
    parts[last] = {**parts[last], "text": f"{text}\n\n{parts[last]['text']}"}
    return parts


def _with_rule(messages: list[dict[str, Any]], rule: str) -> list[Message]:
    """In the system message that there is, as many templates take only one, and only as the first."""
    if messages and messages[0].get("role") in _SYSTEM:
        content = messages[0].get("content")
        if isinstance(content, list):
            merged: Any = [*content, {"type": "text", "text": rule}]
        else:
            merged = f"{content}\n\n{rule}" if content else rule
        return [{**messages[0], "content": merged}, *messages[1:]]
    return [{"role": "system", "content": rule}, *messages]
