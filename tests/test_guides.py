"""The guides say what the program says now, and every command in them is one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from docs.guides import GUIDES, guide
from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.query import find_model, find_platform
from kanoa_mlops.cli.main import cli
from kanoa_mlops.weights.foreign import is_foreign

ALL = sorted(GUIDES.glob("*.md"))
MACHINES = {
    "rtx-egpu": "rtx-5080-egpu",
    "nvidia-desktop": "rtx-4090",
    "amd-mi300x": "mi300x",
    "gcp-l4-h100": "gcp-l4",
    "jetson-orin": "jetson-orin-64",
    "jetson-thor": "jetson-thor-128",
    "apple-silicon": "mac-m4-24",
    "cpu-only": "cpu-32",
}
SECTIONS = [
    "What to buy or rent",
    "Install",
    "Check",
    "What it will run",
    "Serve",
    "When something is wrong",
    "What was measured, and what was not",
]
_BLOCK = re.compile(r"^ *```(?:bash|console|sh)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`(kanoa-mlops [^`\n]+)`")
_PLACEHOLDER = re.compile(r"\[?[A-Z][A-Z_]*\]?")


def commands(text: str) -> Iterator[list[str]]:
    """The words after `kanoa-mlops`, of every such command in blocks and in running text."""
    for block in _BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            yield from _on_line(line.removeprefix("$ "))
    for command in _INLINE.findall(text):
        yield from _on_line(command)


def _on_line(line: str) -> Iterator[list[str]]:
    if "kanoa-mlops " not in line:
        return
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.commenters, lexer.whitespace_split = "#", True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if not set(word) <= set("();<>|&"):
            words.append(word)
            continue
        if words[:1] == ["kanoa-mlops"] and len(words) > 1:
            yield words[1:]
        words = []


def parse(words: list[str]) -> click.Context:
    """As the program would, up to running it."""
    command: click.Command = cli
    context = click.Context(cli, info_name="kanoa-mlops")
    while isinstance(command, click.Group):
        if command.invoke_without_command and (not words or words[0].startswith("-")):
            break
        assert words, f"`{context.command_path}` needs a command"
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no command {words[0]!r}"
        name, command, words = words[0], found, words[1:]
        context = click.Context(command, parent=context, info_name=name)
    try:
        return command.make_context(context.info_name, list(words), parent=context.parent)
    except click.BadParameter as error:
        if error.param is not None and isinstance(error.param.type, click.Path):
            return context  # the reader's own file, which is not here
        raise


def check(words: list[str], catalog: Catalog) -> None:
    """
    Raises:
        ClickException: an unknown option, or a value it does not take.
        KanoaError: an unknown model or platform.
    """
    try:
        context = parse(words)
    except click.exceptions.Exit:  # --help
        return
    for model in _named(context, "MODEL"):
        if not is_foreign(model):
            find_model(catalog, model)
    for platform in _named(context, "PLATFORM"):
        find_platform(catalog, platform)


def _named(context: click.Context, what: str) -> Iterator[str]:
    """What is given as an argument or an option that is shown by this word, save for the word itself."""
    for param in context.command.params:
        shown = param.make_metavar(context) if isinstance(param, click.Argument) else param.name or ""
        value = context.params.get(param.name or "")
        if what in shown.upper() and value:
            for each in (value,) if isinstance(value, str) else value:
                if not _PLACEHOLDER.fullmatch(each):
                    yield each


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_what_is_written_is_not_stale(path: Path, catalog: Catalog) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == guide(text, catalog), "run `python -m docs.guides`"


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_every_command_is_one(path: Path, catalog: Catalog) -> None:
    for words in commands(path.read_text(encoding="utf-8")):
        try:
            check(words, catalog)
        except Exception as error:
            message = error.format_message() if isinstance(error, click.ClickException) else error
            pytest.fail(f"{path.name}: `kanoa-mlops {shlex.join(words)}`: {message}")


@pytest.mark.parametrize("name", MACHINES)
def test_a_machines_guide_has_its_parts_in_order(name: str) -> None:
    text = (GUIDES / f"{name}.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert f"docs.guides: plans {MACHINES[name]} -->" in text
    assert re.search(r"docs\.guides: run kanoa-mlops serve .*--dry-run", text)
    assert "kanoa-mlops doctor" in text


@pytest.mark.parametrize("name", MACHINES)
def test_its_links_to_files_lead_to_files(name: str) -> None:
    text = (GUIDES / f"{name}.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [target for target in targets if not (GUIDES / target).exists()] == []


def test_every_guide_is_listed() -> None:
    listed = (GUIDES / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in ALL if path.name != "README.md" and f"({path.name})" not in listed] == []


@pytest.mark.parametrize(
    "line",
    [
        "kanoa-mlops sreve gemma-3-12b",
        "kanoa-mlops serve gemma-3-12b --dry-rum",
        "kanoa-mlops serve gemma-3-12c",
        "kanoa-mlops plan gemma-3-12b --platform rtx-4091",
        "kanoa-mlops serve gemma-3-12b --engine tgi",
        "sudo true && kanoa-mlops serve gemma-3-12b --contxt 8  # with a remark",
        "kanoa-mlops doctor | grep x; kanoa-mlops stop --al",
    ],
)
def test_a_wrong_command_is_seen(line: str, catalog: Catalog) -> None:
    with pytest.raises(Exception, match=r"."):
        for words in commands(f"```bash\n{line}\n```\n"):
            check(words, catalog)


def test_a_right_one_is_left_alone(catalog: Catalog) -> None:
    line = "kanoa-mlops serve gemma-3-12b -d && kanoa-mlops ask hello --image x.png | cat  # served"
    found = list(commands(f"```bash\n{line}\n```\nor `kanoa-mlops plan MODEL`"))
    assert [words[0] for words in found] == ["serve", "ask", "plan"]
    for words in found:
        check(words, catalog)
