"""The demo's second part: the figure explained by three documents, with the page where it is written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kanoa_mlops.cli.archive import open_archive
from kanoa_mlops.cli.collection import Wanted
from kanoa_mlops.cli.demo_documents import write_documents
from kanoa_mlops.cli.ground_add import taken_in
from kanoa_mlops.cli.ground_report import opened_at
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.errors import Failure
from kanoa_mlops.gateway.images import image_part
from kanoa_mlops.grounding.archive import Archive
from kanoa_mlops.runtime.state import ServerRecord
from kanoa_mlops.settings import Settings

_NAME = "kanoa-demo"
_QUESTION = "What do the course documents say about this figure, and what is wrong with the curve?"
_LONGEST_ANSWER = 150


@dataclass(frozen=True)
class Source:
    """One that was given to the model, the best first."""

    title: str
    """With its page."""
    page: int | None
    opens: str
    """An address that opens it, at its page."""
    cited: bool


@dataclass(frozen=True)
class Grounded:
    """An answer, and what it was given to stand on."""

    text: str
    status: str
    query: str
    """What was searched for: the figure's own words, as they were read."""
    sources: tuple[Source, ...]
    seconds: float


def grounded(
    screen: Screen, settings: Settings, server: ServerRecord, model: str, figure_file: Path
) -> Grounded:
    """
    Raises:
        Failure: the server gave an error.
    """
    import openai

    folder = settings.cache_dir / "demo" / "documents"
    write_documents(folder)
    with _collection(screen, settings, folder, server.port):
        began = time.monotonic()
        # Named, since the client would otherwise send a real OPENAI_API_KEY it finds in the environment.
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="local", max_retries=0)
        try:
            answer = client.chat.completions.create(**_request(model, figure_file))
        except openai.OpenAIError as error:
            raise Failure(f"The server gave an error: {error}", hint="Run `kanoa-mlops logs`.") from error
        return _read(answer, folder, time.monotonic() - began)


def show_grounded(screen: Screen, found: Grounded) -> None:
    """The text is data, and printed; the rest is told."""
    screen.print(found.text)
    screen.say()
    screen.say(f"Searched for: {found.query}")
    for number, each in enumerate(found.sources, 1):
        cited = "" if each.cited else " (given to the model, not cited)"
        screen.say(f"  [{number}] {each.title}{cited}")
        screen.say(f"      {each.opens}")


@contextmanager
def _collection(screen: Screen, settings: Settings, folder: Path, port: int) -> Iterator[None]:
    """Ours for as long as it takes; the server that runs finds it in the same file."""
    with closing(open_archive(settings)) as archive:
        _forget(archive)
        try:
            taken_in(screen, settings, archive, Wanted(_NAME, folder), port)
            yield
        finally:
            _forget(archive)


def _forget(archive: Archive) -> None:
    for each in archive.collections():
        if each.name == _NAME and not each.owner:
            archive.remove(each.id)


def _request(model: str, figure_file: Path) -> dict[str, Any]:
    content = [image_part(figure_file.read_bytes(), "image/png"), {"type": "text", "text": _QUESTION}]
    return {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": _LONGEST_ANSWER,
        "temperature": 0,
        "tools": [{"type": "file_search", "vector_store_ids": [_NAME], "max_num_results": 2}],
    }


def _read(answer: Any, folder: Path, seconds: float) -> Grounded:
    message = answer.choices[0].message
    return Grounded(
        text=message.content or "",
        status=answer.grounding["status"],
        query="; ".join(answer.grounding["query"]),
        sources=tuple(
            Source(
                each["title"],
                each["page"],
                opened_at(str(folder / each["filepath"]), each["page"]),
                each["cited"],
            )
            for each in message.context["citations"]
        ),
        seconds=round(seconds, 3),
    )
