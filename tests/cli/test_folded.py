"""What is wrong, at a terminal of 80 columns and elsewhere."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.cli.folded import folded
from kanoa_mlops.runtime.ports import free_port
from tests.cli.test_plan import run
from tests.conftest import PROGRAM

WRONG = ("burst", "allow", "groq", "--for", "gpt-oss-12b", "--max-per-day=1")


MISUSED = ("usage", "--by", "nothing")
"""What Click itself finds wrong."""


@contextmanager
def terminal(columns: int) -> Iterator[tuple[int, TextIO]]:
    """Both ends."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(theirs, "w") as stream:
        yield ours, stream
    os.close(ours)


@pytest.mark.parametrize("words", [WRONG, MISUSED])
def test_words_are_not_cut(home: Path, words: tuple[str, ...]) -> None:
    plain = run(*words).stderr
    assert max(map(len, plain.splitlines())) > 80, "a program reads it line by line"
    with terminal(80) as (ours, stream):
        ended = subprocess.run([PROGRAM, *words], stderr=stream, stdout=subprocess.PIPE, timeout=60)
        shown = os.read(ours, 65536).decode().replace("\r\n", "\n")
    assert ended.returncode == 1
    assert shown.split() == plain.split()
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_nor_are_those_of_a_gateways_log(home: Path) -> None:
    id = "a-backend-with-quite-a-long-name-that-nobody-answers-for"
    file = home / "gateway.yaml"
    file.write_text(
        f"backends:\n  - {{model: tiny, id: {id}, url: 'http://127.0.0.1:{free_port()}', "
        "engine: other, context: 4096}\n"
    )
    with terminal(80) as (ours, stream):
        argv: list[str] = [str(PROGRAM), "gateway", "--config", str(file), "--port", str(free_port())]
        gateway = subprocess.Popen(argv, stderr=stream, stdout=subprocess.PIPE)
        shown = ""
        while "not reached" not in " ".join(shown.split()):
            shown += os.read(ours, 65536).decode().replace("\r\n", "\n")
        gateway.send_signal(signal.SIGTERM)
        gateway.communicate(timeout=60)
    lines = shown.splitlines()
    assert f"WARNING {id} at" in " ".join(shown.split())
    assert all(len(line) <= 80 for line in lines), lines


@given(st.lists(st.sampled_from(["a", "longer", "`kanoa-mlops keys add NAME`", "/a/path." * 12, "\n"])))
def test_no_word_and_no_command_is_lost_or_cut(words: list[str]) -> None:
    text = " ".join(words)
    with terminal(30) as (_, stream):
        lines = folded(text, stream).split("\n")
    assert " ".join(lines).split() == text.split()
    for line in lines:
        assert line.count("`") % 2 == 0
        assert len(line) <= 30 or len(line.split()) == 1 or line.strip()[0] == "`"


def test_where_there_is_no_terminal_it_is_as_it_was() -> None:
    assert folded("word " * 50, StringIO()) == "word " * 50
