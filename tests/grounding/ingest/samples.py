"""Real files of each format, made by the programs that write them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

from reportlab.lib import colors, pagesizes, pdfencrypt
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Table

WORDS = "The valve opens when the pressure in the vessel rises above the limit that the operator has set."


def pdf(pages: Sequence[Sequence[str | list[list[str]]]], *, password: str = "") -> bytes:
    """Of a page: '# ' begins a heading, '## ' one below it; a list of rows is a ruled table."""
    styles = getSampleStyleSheet()
    story: list[Any] = []
    for page in pages:
        for part in page:
            if isinstance(part, list):
                story.append(Table(part, style=[("GRID", (0, 0), (-1, -1), 0.5, colors.black)]))
            else:
                level = len(part) - len(part.lstrip("#"))
                style = f"Heading{level}" if level else "BodyText"
                story.append(Paragraph(part.lstrip("# "), styles[style]))
        story.append(PageBreak())
    file = io.BytesIO()
    encrypt = pdfencrypt.StandardEncryption(password) if password else None
    SimpleDocTemplate(file, pagesize=pagesizes.A4, encrypt=encrypt).build(story)
    return file.getvalue()


def scanned_pdf(words: str) -> bytes:
    """A page that is a picture of these words."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("L", (1200, 400), 255)
    ImageDraw.Draw(picture).text((80, 150), words, fill=0, font=ImageFont.load_default(64))
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(600, 200))
    canvas.drawInlineImage(picture, 0, 0, 600, 200)
    canvas.save()
    return file.getvalue()


def plot_pdf() -> bytes:
    """A plot as matplotlib saves it: drawn by lines, without a picture in it."""
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.add_subplot()
    for slope in range(1, 8):
        axes.plot(range(20), [slope * x for x in range(20)])
    axes.grid()
    file = io.BytesIO()
    figure.savefig(file, format="pdf")
    return file.getvalue()


def docx() -> bytes:
    import docx as python_docx

    document = python_docx.Document()
    document.add_heading("Lab manual", 0)
    document.add_heading("Calibration", 1)
    document.add_paragraph("Warm the sensor for ten minutes.")
    document.add_heading("Zero point", 2)
    document.add_paragraph("Set it at 20 °C.")
    table = document.add_table(rows=3, cols=2)
    for row, cells in enumerate((("Name", "Value"), ("gain", "1.5"), ("offset", "0.2"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def xlsx() -> bytes:
    import datetime

    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.create_sheet("Runs", 0)
    sheet.append(["day", "pressure"])
    for day in range(1, 29):
        sheet.append([datetime.datetime(2026, 2, day), day * 1.5])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def pptx() -> bytes:
    from pptx import Presentation

    talk = Presentation()
    slide = talk.slides.add_slide(talk.slide_layouts[1])
    slide.shapes.title.text = "Results"
    slide.placeholders[1].text = "Pressure rises"
    slide.notes_slide.notes_text_frame.text = "Say it slowly"
    talk.slides.add_slide(talk.slide_layouts[5]).shapes.title.text = "Thanks"
    file = io.BytesIO()
    talk.save(file)
    return file.getvalue()


def notebook() -> bytes:
    frame = "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"
    cells = [
        {"cell_type": "markdown", "source": ["# Study\n", "About flow."]},
        {"cell_type": "code", "source": "import numpy as np\n" + "x = np.zeros(3)\n" * 60, "outputs": []},
        {
            "cell_type": "code",
            "source": "frame.head()",
            "outputs": [
                {"output_type": "execute_result", "data": {"text/html": frame, "text/plain": "a b"}},
                {"output_type": "stream", "name": "stdout", "text": ["12 rows\n", "\ud800"]},
                {"output_type": "error", "ename": "ValueError", "evalue": "bad unit", "traceback": ["long"]},
            ],
        },
    ]
    return json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}).encode()


def with_member(office: bytes, member: str, content: bytes) -> bytes:
    """An Office file with one of its parts replaced."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(office)) as source,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as sink,
    ):
        for name in source.namelist():
            sink.writestr(name, content if name == member else source.read(name))
    return file.getvalue()
