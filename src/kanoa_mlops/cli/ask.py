"""`kanoa-mlops ask`: one question, the answer as it is written."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Any

import click

from kanoa_mlops.cli import options
from kanoa_mlops.cli.client import Answered, stream_answer
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.cli.servers import answering
from kanoa_mlops.errors import Failure, UserError
from kanoa_mlops.gateway.images import image_part
from kanoa_mlops.settings import load_settings
from kanoa_mlops.units import format_duration


@click.command()
@click.argument("question")
@click.option(
    "--image", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A figure to ask about."
)
@click.option("--model", metavar="MODEL", help="Which of the served models.  [default: the first]")
@click.option("--max-tokens", type=click.IntRange(1), default=1000, show_default=True, help="Longest answer.")
@options.port
@options.as_json
def command(
    question: str, image: Path | None, model: str | None, max_tokens: int, port: int | None, as_json: bool
) -> None:
    """Ask a served model QUESTION; the answer streams to standard output."""
    screen = Screen()
    url, first = answering(load_settings(), port)
    request = {
        "model": model or first,
        "messages": [{"role": "user", "content": _content(question, image)}],
        "max_tokens": max_tokens,
    }
    text, answered = [], None
    for piece in stream_answer(url, request):
        if isinstance(piece, Answered):
            answered = piece
            break
        text.append(piece)
        if not as_json:
            click.echo(piece, nl=False)
    if answered is None:
        raise Failure("The answer broke off.", hint="Run `kanoa-mlops status`.")
    if as_json:
        screen.json(
            {
                "answer": "".join(text),
                "model": answered.model,
                "input_tokens": answered.input_tokens,
                "output_tokens": answered.output_tokens,
                "first_token_seconds": round(answered.first_token_seconds, 3),
                "tokens_per_second": round(answered.tokens_per_second, 1),
                "figure": answered.figure or None,
                "endpoint": f"{url}/v1",
            }
        )
        return
    click.echo()
    screen.say(summary(answered))


def summary(answered: Answered) -> str:
    """One line: model, tokens, speed, and how a figure reached the model."""
    parts = [
        f"[{answered.model}] {answered.input_tokens} → {answered.output_tokens} tokens",
        f"{answered.tokens_per_second:.0f} tokens/s",
        f"first after {format_duration(answered.first_token_seconds)}",
    ]
    if answered.figure:
        parts.append(figure_way(answered.figure))
    return " · ".join(parts)


def figure_way(header: str) -> str:
    """The answer's `x-kanoa-figure` in words."""
    ways = [each if each == "described" else f"read by {each.upper()}" for each in header.split(", ")]
    return f"figure {' and '.join(ways)}"


def _content(question: str, image: Path | None) -> list[dict[str, Any]]:
    text = {"type": "text", "text": question}
    if image is None:
        return [text]
    try:
        data = image.read_bytes()
    except OSError as error:
        raise UserError(f"{image} cannot be read: {error.strerror}.") from error
    kind = mimetypes.guess_type(image.name)[0] or "application/octet-stream"
    return [image_part(data, kind), text]
