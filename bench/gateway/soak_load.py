"""Clients of a mixed load, and what became of each request."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bench.gateway.soak_scene import IMAGES, TEXT

_CHAT = "/v1/chat/completions"
_IMAGE_BYTES = 200_000
_HANGS_AFTER = 60.0  # seconds
_PARALLEL = {"whole": 8, "stream": 8, "image": 2, "leaver": 4, "limited": 1}
"""Clients, by the key that they use."""
_PAUSES = (0.0, 0.2)  # seconds between two requests of a client
_LEAVES_AFTER = (0.0, 0.8)  # seconds


@dataclass
class Outcomes:
    """Of each kind of client, how often what came."""

    counts: dict[str, Counter[str]] = field(
        default_factory=lambda: {kind: Counter[str]() for kind in _PARALLEL}
    )
    lost: list[str] = field(default_factory=list)
    """What was neither an answer nor an error in the envelope, in words."""

    def add(self, kind: str, outcome: str) -> None:
        self.counts[kind][outcome] += 1


async def load(
    url: str, keys: dict[str, str], seconds: float, dice: random.Random, outcomes: Outcomes
) -> None:
    """From all of them, for so long; returns when every request is over."""
    until = time.monotonic() + seconds
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        clients = [
            _client(session, url + _CHAT, kind, keys[kind], until, random.Random(dice.random()), outcomes)
            for kind, count in _PARALLEL.items()
            for _ in range(count)
        ]
        await asyncio.gather(*clients)


async def _client(
    session: aiohttp.ClientSession,
    url: str,
    kind: str,
    key: str,
    until: float,
    dice: random.Random,
    outcomes: Outcomes,
) -> None:
    headers = {"authorization": f"Bearer {key}"}
    while time.monotonic() < until:
        asking = asyncio.create_task(_ask(session, url, _body(kind, dice), headers))
        patience = dice.uniform(*_LEAVES_AFTER) if kind == "leaver" else _HANGS_AFTER
        done, _ = await asyncio.wait([asking], timeout=patience)
        if not done:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        outcome = "left" if not done and kind == "leaver" else "hung" if not done else asking.result()
        outcomes.add(kind, outcome)
        if outcome.startswith(("hung", "lost")):
            outcomes.lost.append(f"{kind}: {outcome}")
        await asyncio.sleep(dice.uniform(*_PAUSES))


async def _ask(
    session: aiohttp.ClientSession, url: str, body: dict[str, Any], headers: dict[str, str]
) -> str:
    try:
        async with session.post(url, json=body, headers=headers) as answer:
            return _judged(answer, await answer.read())
    except (aiohttp.ClientError, OSError) as error:
        return f"lost: {type(error).__name__} {error}"


def _judged(answer: aiohttp.ClientResponse, raw: bytes) -> str:
    """'answered', an error's code, or why it is lost."""
    try:
        if answer.content_type == "text/event-stream":
            return _end_of(raw)
        body = json.loads(raw)
        if answer.status == 200:
            return "answered" if body["choices"][0]["message"]["content"] else "lost: an empty answer"
        return str(body["error"]["code"])
    except (ValueError, LookupError, TypeError):
        return f"lost: {answer.status} {raw[-200:]!r}"


def _end_of(raw: bytes) -> str:
    events = [each for each in raw.decode().split("\n\n") if each.startswith("data: ")]
    last = events[-1].removeprefix("data: ")
    return "answered" if last == "[DONE]" else str(json.loads(last)["error"]["code"])


def _body(kind: str, dice: random.Random) -> dict[str, Any]:
    stream = kind == "stream" or (kind == "leaver" and dice.random() < 0.5)
    text = "at length" if stream else "after a while"
    content: str | Sequence[dict[str, Any]] = text
    if kind == "image":
        picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + os.urandom(_IMAGE_BYTES * 3 // 4)).decode()
        image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
        content = [image, {"type": "text", "text": text}]
    model = IMAGES if kind == "image" else TEXT
    return {"model": model, "messages": [{"role": "user", "content": content}], "stream": stream}
