"""What is kept of a file of each format."""

from __future__ import annotations

from textwrap import indent

import pytest

from kanoa_mlops.grounding.ingest.file_reader import NOTE, FileReader
from kanoa_mlops.grounding.types import Chunk, Document
from tests.grounding.ingest import samples


def read(reader: FileReader, name: str, content: bytes | str) -> Document:
    document = reader.read(name, content.encode() if isinstance(content, str) else content)
    assert document is not None
    return document


def one(document: Document, words: str) -> Chunk:
    [chunk] = [chunk for chunk in document.chunks if words in chunk.text]
    return chunk


def test_markdown_keeps_its_headings_tables_and_code(reader: FileReader) -> None:
    long = " ".join([samples.WORDS] * 8)
    document = read(
        reader,
        "a.md",
        f"# Guide\n\n{long}\n\n## Setup\n\n```sh\n# no heading\nmake\n```\n{long}\n\n"
        "| Part | Bar |\n|---|---|\n| valve | 3 |\n\nUnder\n-----\nlast words",
    )
    assert document.title == "Guide"
    assert one(document, "# no heading").heading == "Guide > Setup"
    table = one(document, "valve | 3")
    assert (table.kind, table.heading) == ("table", "Guide > Setup")
    assert table.text.startswith("| Part | Bar |\n|---|---|")
    assert one(document, "last words").heading == "Guide > Under"


def test_plain_text_is_found_whatever_its_name(reader: FileReader) -> None:
    document = read(reader, "NOTES", "First words.\n\nLast words.")
    assert [chunk.text for chunk in document.chunks] == ["First words.\n\nLast words."]
    assert document.title == "NOTES"


def test_notebook_says_the_cell_and_keeps_outputs_that_are_text(reader: FileReader) -> None:
    document = read(reader, "n.ipynb", samples.notebook())
    assert document.title == "Study"
    assert one(document, "About flow").heading == "Study > cell 1"
    assert one(document, "import numpy").heading == "Study > cell 2"
    frame = one(document, "| a | b |")
    assert (frame.heading, frame.kind) == ("Study > cell 3", "table")
    outputs = one(document, "12 rows").text
    assert "ValueError: bad unit" in outputs and "long" not in outputs
    assert "\ufffd" in outputs  # half of a surrogate pair, which no database takes


def test_python_is_cut_by_what_it_defines(reader: FileReader) -> None:
    body = "x = compute(x)\n" * 60
    source = '"""Of valves."""\n\nclass Valve:\n    """Opens."""\n\n    def open(self, x):\n'
    source += indent(body, " " * 8) + "\ndef shut(x):\n" + indent(body, " " * 4)
    document = read(reader, "valve.py", source)
    assert {chunk.kind for chunk in document.chunks} == {"code"}
    assert one(document, "Of valves").heading.startswith("valve")
    assert all(chunk.heading.startswith("valve > ") for chunk in document.chunks)
    assert one(document, "def open").heading.startswith("valve > Valve > open > lines 6-")
    assert one(document, "def shut").heading.startswith("valve > shut > lines ")


def test_what_is_no_python_is_read_by_its_lines(reader: FileReader) -> None:
    document = read(reader, "old.py", "print 'a'\n")
    assert (document.chunks[0].text, document.chunks[0].heading) == ("print 'a'", "line 1")


def test_csv_repeats_its_header_and_describes_its_columns(reader: FileReader) -> None:
    rows = "\n".join(f"car {i};{i / 2};" for i in range(500))
    document = read(reader, "cars.csv", f"name;mpg;remark\n{rows}\n")
    summary, *tables = document.chunks
    assert "500 rows and 3 columns" in summary.text
    assert "mpg: numbers, 0 to 249.5" in summary.text and "remark: empty" in summary.text
    assert all(chunk.text.startswith("| name | mpg | remark |\n") for chunk in tables)
    kept = [line for chunk in tables for line in chunk.text.split("\n")[2:]]
    assert kept == [f"| car {i} | {i / 2} |  |" for i in range(500)]
    assert tables[0].heading.startswith("rows 2-")


def test_tsv_and_a_table_without_names(reader: FileReader) -> None:
    document = read(reader, "a.tsv", "1\t2,5\n3\t4,5\n")
    assert document.chunks[1].text == "| column 1 | column 2 |\n| --- | --- |\n| 1 | 2,5 |\n| 3 | 4,5 |"


def test_json_stays_as_it_is_written(reader: FileReader) -> None:
    text = '{\n  "a": [\n    1\n  ]\n}'
    assert [chunk.text for chunk in read(reader, "a.json", text).chunks] == [text]


def test_html_keeps_headings_lists_and_tables_and_runs_nothing(reader: FileReader) -> None:
    document = read(
        reader,
        "page",
        "<!doctype html><title>Valves</title><script>alert('no')</script><style>p{}</style><h1>Open</h1>"
        "<p>First\nline &amp; more<ul><li>one<li>two</ul><img src=http://example.invalid/x alt='A plot'>"
        "<table><caption>Limits</caption><tr><th>bar<th>name<tr><td>3<td>low</table><h2>Shut",
    )
    assert document.title == "Valves"
    text = one(document, "First").text
    assert "First line & more" in text and "- one\n- two" in text and "A plot" in text
    table = one(document, "low")
    assert table.text == "Limits\n| bar | name |\n| --- | --- |\n| 3 | low |"
    assert not [chunk for chunk in document.chunks if "alert" in chunk.text or "p{}" in chunk.text]


def test_docx_keeps_headings_and_tables(reader: FileReader) -> None:
    document = read(reader, "m.docx", samples.docx())
    assert document.title == "Lab manual"
    assert one(document, "Warm the sensor").heading == "Lab manual > Calibration"
    table = one(document, "| gain | 1.5 |")
    assert table.heading == "Lab manual > Calibration > Zero point"
    assert table.text.startswith("| Name | Value |")


def test_office_is_told_by_its_content(reader: FileReader) -> None:
    assert read(reader, "upload", samples.docx()).title == "Lab manual"


def test_xlsx_keeps_sheets_rows_and_dates(reader: FileReader) -> None:
    document = read(reader, "r.xlsx", samples.xlsx())
    assert all(chunk.text.startswith("Sheet Runs\n| day | pressure |") for chunk in document.chunks)
    assert "| 2026-02-03 | 4.5 |" in document.chunks[0].text
    assert document.chunks[0].heading.startswith("Runs > rows 2-")


def test_pptx_counts_slides_as_pages(reader: FileReader) -> None:
    document = read(reader, "t.pptx", samples.pptx())
    first = one(document, "Pressure rises")
    assert (first.page, first.heading) == (1, "Results")
    assert "Say it slowly" in first.text
    assert one(document, "Thanks").page == 2


def test_pdf_says_page_and_heading(reader: FileReader) -> None:
    pages = [
        [f"# Chapter {n}", f"Word{n}word. {samples.WORDS}", "## Detail", samples.WORDS * 3] for n in (1, 2, 3)
    ]
    document = read(reader, "b.pdf", samples.pdf(pages))
    for n in (1, 2, 3):
        chunk = one(document, f"Word{n}word")
        assert (chunk.page, chunk.heading.split(" > ")[0]) == (n, f"Chapter {n}")
    assert all(chunk.page for chunk in document.chunks)


def test_pdf_tables_have_caption_and_header_over_each_piece(reader: FileReader) -> None:
    rows = [["Sensor", "Pressure (bar)"], *([f"S{i}", f"{i}.5 of the range"] for i in range(29))]
    document = read(reader, "t.pdf", samples.pdf([["# Data", "Table 1: Readings of all sensors", rows]]))
    tables = [chunk for chunk in document.chunks if chunk.kind == "table"]
    assert len(tables) > 1
    assert all(
        chunk.text.startswith("Table 1: Readings of all sensors\n| Sensor | Pressure (bar) |")
        for chunk in tables
    )
    assert "| S28 | 28.5 of the range |" in tables[-1].text
    assert not [chunk for chunk in document.chunks if chunk.kind == "text" and "S28" in chunk.text]


def test_a_long_book_has_each_page(reader: FileReader) -> None:
    pages = [[f"# Chapter {n}", f"Here is word{n}word. {samples.WORDS * 4}"] for n in range(1, 501)]
    document = read(reader, "book.pdf", samples.pdf(pages))
    found = {chunk.page: chunk.text for chunk in document.chunks}
    assert sorted(page for page in found if page) == list(range(1, 501))
    assert all(f"word{page}word" in text for page, text in found.items())


def test_scanned_pages_without_who_reads_them_are_named(reader: FileReader) -> None:
    document = read(reader, "s.pdf", samples.scanned_pdf("Pressure"))
    assert not document.chunks
    assert document.attributes[NOTE] == "page 1 is scanned: without text of its own"


@pytest.mark.parametrize("suffix", ["yaml", "toml", "ini", "log", "tex", "unheard-of"])
def test_other_texts_are_text(reader: FileReader, suffix: str) -> None:
    assert read(reader, f"a.{suffix}", "limit = 3 # bar\n").chunks[0].text.strip() == "limit = 3 # bar"
