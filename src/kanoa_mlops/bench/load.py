"""The load: so many requests in flight at once, each timed from its start to its last token."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from kanoa_mlops.bench.sample import Sample
from kanoa_mlops.bench.stream import BadAnswer, Stream, error_message

Message = dict[str, Any]
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class Target:
    """Who is asked, and for how much."""

    url: str
    """Of the endpoint, without '/v1'."""
    model: str
    max_tokens: int
    """Of an answer."""
    patience: float
    """Seconds for one request in all; past it, it has failed."""


async def load(
    target: Target,
    messages: Sequence[Message],
    parallel: int,
    done: Callable[[], None] = lambda: None,
    *,
    seconds: float = math.inf,
) -> list[Sample]:
    """One request a message, `parallel` of them at any time until none is left to begin.

    Args:
        done: called after each.
        seconds: after them nothing more begins. The first `parallel` are sent in any case.
    """
    timeout = aiohttp.ClientTimeout(total=target.patience, sock_connect=_CONNECT_SECONDS)
    samples: list[Sample] = []
    left, end = iter(messages), time.perf_counter() + seconds

    async def work(session: aiohttp.ClientSession, left: Iterator[Message]) -> None:
        for message in left:
            samples.append(await _ask(session, target, message))
            done()
            if time.perf_counter() > end:
                return

    # An endpoint on this machine is never reached through a proxy: aiohttp takes none unless it is told to.
    async with (
        aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session,
        asyncio.TaskGroup() as workers,
    ):
        for _ in range(parallel):
            workers.create_task(work(session, left))
    return samples


async def _ask(session: aiohttp.ClientSession, target: Target, message: Message) -> Sample:
    stream, error = Stream(), ""
    began = time.perf_counter()
    try:
        await _read(session, target, message, stream)
        stream.require_whole()
    except BadAnswer as problem:
        error = str(problem)
    except TimeoutError:
        error = f"no whole answer within {target.patience:g} s"
    except (aiohttp.ClientError, OSError) as problem:
        error = f"the connection broke ({type(problem).__name__})"
    ended = time.perf_counter()
    if error:
        return Sample(began, ended, error=error)
    return Sample(began, ended, stream.first, stream.last, stream.input_tokens, stream.output_tokens)


async def _read(session: aiohttp.ClientSession, target: Target, message: Message, stream: Stream) -> None:
    request = {
        "model": target.model,
        "messages": [message],
        "max_tokens": target.max_tokens,
        "temperature": 0,
        # An engine that knows it goes on to the last token, so that every answer is as long.
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    url = f"{target.url}/v1/chat/completions"
    async with session.post(url, json=request, allow_redirects=False) as answer:
        if answer.status != 200:
            raise BadAnswer(await _refusal(answer))
        if answer.content_type != "text/event-stream":
            raise BadAnswer(f"the answer is {answer.content_type}, not a stream of events")
        async for data in answer.content.iter_any():
            stream.feed(data, time.perf_counter())
            if stream.done:
                return


async def _refusal(answer: aiohttp.ClientResponse) -> str:
    try:
        message = error_message(await answer.json(content_type=None))
    except ValueError:
        message = ""
    return f"HTTP {answer.status}" + (f": {message}" if message else "")
