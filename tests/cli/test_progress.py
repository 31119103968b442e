"""The bars of a pull, with a terminal and without."""

import io

from rich.console import Console

from kanoa_mlops.cli.progress import Bars
from kanoa_mlops.cli.screen import Screen


def drawn(*, terminal: bool) -> str:
    screen = Screen()
    screen.err = Console(file=io.StringIO(), force_terminal=terminal, width=80, color_system=None)
    with Bars(screen) as bars:
        bars.start("a-model-with-a-very-long-name.Q4_K_M.gguf", 100 * 2**20, 25 * 2**20)
        bars.advance(25 * 2**20)
        bars.note("Hugging Face is unreachable; trying package x.")
        bars.start("a-model-with-a-very-long-name.Q4_K_M.gguf", 100 * 2**20, 50 * 2**20)
        bars.advance(50 * 2**20)
        bars.finish()
    assert isinstance(screen.err.file, io.StringIO)
    return screen.err.file.getvalue()


def test_without_a_terminal_there_are_lines() -> None:
    assert drawn(terminal=False) == (
        "a-model-with-a-very-long-name.Q4_K_M.gguf …\n"
        "Hugging Face is unreachable; trying package x.\n"
        "a-model-with-a-very-long-name.Q4_K_M.gguf done.\n"
    )


def test_with_a_terminal_there_is_a_bar_of_80_columns() -> None:
    text = drawn(terminal=True)
    assert "Hugging Face is unreachable; trying package x." in text
    assert "100.0/100.0 MiB" in text
    frames = [line for part in text.split("\n") for line in part.split("\r")]
    assert all(
        len(line.replace("\x1b[2K", "").replace("\x1b[?25l", "").replace("\x1b[?25h", "")) <= 80
        for line in frames
    )
