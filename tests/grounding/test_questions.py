"""Questions with known answers: read from a file, or made of a collection."""

from __future__ import annotations

from pathlib import Path

import pytest

from kanoa_mlops.errors import UserError
from kanoa_mlops.grounding.archive import Collection
from kanoa_mlops.grounding.local import LocalArchive
from kanoa_mlops.grounding.questions import Question, made_questions, read_questions
from kanoa_mlops.grounding.types import Chunk, Document

COLLECTION = Collection("vs_000000000000000000000001", "papers")


def written(folder: Path, text: str) -> Path:
    path = folder / "questions.jsonl"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_line_is_a_question_and_lines_of_one_question_are_its_answers(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '{"question": "How fast?", "source": "a.pdf", "page": 3}\n\n'
        '{"question": "Why?", "source": "b.md"}\n'
        '{"question": "How fast?", "source": "c.md", "page": null}\n',
    )
    assert read_questions(path) == (
        Question("How fast?", (("a.pdf", 3), ("c.md", None))),
        Question("Why?", (("b.md", None),)),
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2 is not JSON"),
        ('["q"]', "line 2 is not a JSON object"),
        ('{"source": "a"}', "line 2 has no question"),
        ('{"question": " ", "source": "a"}', "line 2 has no question"),
        ('{"question": "q"}', "line 2 has no source"),
        ('{"question": "q", "source": "a", "page": 0}', "line 2 has the page 0"),
        ('{"question": "q", "source": "a", "page": true}', "line 2 has the page True"),
        ('{"question": "q", "source": "a", "pages": 1}', "fields that mean nothing here: pages"),
    ],
)
def test_a_line_that_says_something_else_is_named(tmp_path: Path, line: str, said: str) -> None:
    path = written(tmp_path, f'{{"question": "q", "source": "a"}}\n{line}\n')
    with pytest.raises(UserError, match=said) as caught:
        read_questions(path)
    assert '"question"' in caught.value.hint


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_file_without_questions_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match="There is no question"):
        read_questions(written(tmp_path, text))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.jsonl"):
        read_questions(tmp_path / "absent.jsonl")
    (tmp_path / "questions.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read"):
        read_questions(tmp_path / "questions.jsonl")


def test_headings_and_captions_ask_for_the_document_they_stand_in(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path / "archive.db")
    archive.create(COLLECTION)
    chunks = {
        "a.md": (
            Chunk("c1", "It drifts.", heading="Report > Drift of the probe"),
            Chunk("c2", "Figure 2: Current against temperature\nshows a line.", heading="Introduction"),
        ),
        "b.md": (Chunk("c3", "Nothing new.", heading="What is said twice"),),
        "c.md": (Chunk("c4", "Nothing new.", heading="What is said twice"),),
    }
    for source, each in chunks.items():
        archive.put(COLLECTION.id, Document(source, source, "0" * 64, each))
    assert set(made_questions(archive, COLLECTION.id)) == {
        Question("Drift of the probe", (("a.md", None),)),
        Question("Current against temperature", (("a.md", None),)),
    }
    archive.close()
