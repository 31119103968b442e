"""What the gateway costs: the same requests to llama.cpp directly and through the gateway, in one run.

Serves the default model as `kanoa-mlops serve -d` does, then alternates rounds between the two addresses, so
that whatever else the machine does falls on both. Prints tokens/s and time to first token, and their ratios
(medians over the rounds; a ratio of 1.00 is no cost).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from kanoa_mlops.runtime.ports import free_port
from kanoa_mlops.runtime.state import server_folder
from kanoa_mlops.settings import load_settings

_PROMPT = "Explain in simple words why the height of a thrown ball over time is a parabola."


@dataclass(frozen=True)
class Target:
    """One address to measure."""

    name: str
    url: str
    headers: dict[str, str]
    model: str


@dataclass(frozen=True)
class Round:
    """What a round of parallel requests gave."""

    tokens_per_second: float
    """Of all requests together."""
    first_token_seconds: float
    """Median of the requests."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=load_settings().default_model)
    parser.add_argument("--parallel", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--tokens", type=int, default=128, help="of each answer")
    parser.add_argument("--rounds", type=int, default=8, help="for each address")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with serving(options.model, max(options.parallel)) as targets:
        results = {
            parallel: asyncio.run(compare(targets, parallel, options.tokens, options.rounds))
            for parallel in options.parallel
        }
    if options.json:
        print(json.dumps(results, indent=1))
    else:
        report(results, options)


@contextmanager
def serving(model: str, parallel: int) -> Iterator[tuple[Target, Target]]:
    """The engine alone and the gateway before it, both of one server of our own."""
    port = free_port()
    program = [sys.executable, "-m", "kanoa_mlops"]
    where = ["--port", str(port)]
    # A context that leaves room for many slots; the prompts are short.
    wish = ["--parallel", str(parallel), "--context", "1024"]
    subprocess.run([*program, "serve", model, "-d", *where, *wish], check=True, stderr=subprocess.DEVNULL)
    try:
        folder = server_folder(load_settings().servers_dir, port)
        record = folder.read()
        assert record is not None
        [engine] = record.engines
        key = Path(folder.engine_key(engine.model)).read_text(encoding="utf-8")
        yield (
            Target(
                "direct", f"http://127.0.0.1:{engine.port}", {"Authorization": f"Bearer {key}"}, engine.model
            ),
            Target("gateway", record.url, {}, engine.model),
        )
    finally:
        subprocess.run([*program, "stop", *where], check=True, stderr=subprocess.DEVNULL)


async def compare(
    targets: tuple[Target, ...], parallel: int, tokens: int, rounds: int
) -> dict[str, dict[str, float]]:
    """Medians by address, from rounds that alternate."""
    measured: dict[str, list[Round]] = {target.name: [] for target in targets}
    # llama.cpp closes after each answer; taking up such a connection again would fail now and then.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as session:
        for number in range(rounds + 1):
            # Who goes first changes each time, so that neither always follows the other.
            for target in targets if number % 2 else reversed(targets):
                once = await measure(session, target, parallel, tokens)
                if number:  # the first of each warms caches
                    measured[target.name].append(once)
    return {
        name: {
            "tokens_per_second": statistics.median(each.tokens_per_second for each in all_rounds),
            "first_token_seconds": statistics.median(each.first_token_seconds for each in all_rounds),
        }
        for name, all_rounds in measured.items()
    }


async def measure(session: aiohttp.ClientSession, target: Target, parallel: int, tokens: int) -> Round:
    """So many requests at once, to their end."""
    began = time.perf_counter()
    answers = await asyncio.gather(*(stream(session, target, tokens) for _ in range(parallel)))
    seconds = time.perf_counter() - began
    return Round(
        tokens_per_second=sum(count for count, _ in answers) / seconds,
        first_token_seconds=statistics.median(first for _, first in answers),
    )


async def stream(session: aiohttp.ClientSession, target: Target, tokens: int) -> tuple[int, float]:
    """Tokens that came, and seconds to the first."""
    body = {
        "model": target.model,
        "messages": [{"role": "user", "content": _PROMPT}],
        "max_tokens": tokens,
        "stream": True,
        "ignore_eos": True,  # every answer as long as every other
        "cache_prompt": False,
        "temperature": 0,
    }
    began = time.perf_counter()
    first, count = 0.0, 0
    async with session.post(f"{target.url}/v1/chat/completions", json=body, headers=target.headers) as answer:
        answer.raise_for_status()
        async for line in answer.content:
            if line.startswith(b"data: {") and b'"content":"' in line:
                first = first or time.perf_counter() - began
                count += 1
    return count, first


def report(results: dict[int, dict[str, dict[str, float]]], options: argparse.Namespace) -> None:
    print(f"{options.model}, {options.tokens} tokens an answer, median of {options.rounds} rounds\n")
    print(f"{'parallel':>8}  {'':<10} {'direct':>10} {'gateway':>10} {'ratio':>7}")
    for parallel, found in results.items():
        direct, gateway = found["direct"], found["gateway"]
        for key, unit, scale in (
            ("tokens_per_second", "tokens/s", 1),
            ("first_token_seconds", "first, ms", 1000),
        ):
            pair = direct[key] * scale, gateway[key] * scale
            print(f"{parallel:>8}  {unit:<10} {pair[0]:>10.1f} {pair[1]:>10.1f} {pair[1] / pair[0]:>7.3f}")


if __name__ == "__main__":
    main()
