"""Changes to the owner's file that leave the rest as it was written, with its comments. Text in, text out.

Each change is read back: where it is not what was meant, as in a file with anchors, nothing is changed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from kanoa_mlops.errors import SettingsError
from kanoa_mlops.marked import parse_marked

_BY_HAND = "Change it by hand"


def added(path: Path, text: str, entry: Mapping[str, str]) -> str:
    """With one entry more, the last.

    Args:
        path: named in what is said.

    Raises:
        SettingsError: the file is not YAML, or is written in a form that is not changed here.
    """
    text = text if not text or text.endswith("\n") else text + "\n"
    root = parse_marked(path, text).root
    lines = text.splitlines(keepends=True)
    burst = _value(root, "burst")
    allowed = _value(burst, "allowed")
    if root is None or _is_empty(root):
        lines += ["burst:\n", "  allowed:\n", *_block(entry, 2)]
    elif _is_empty(burst):
        at = _cleared(lines, burst)
        lines[at:at] = ["  allowed:\n", *_block(entry, 2)]
    elif isinstance(burst, yaml.MappingNode) and allowed is None:
        at, column = _last_line(burst) + 1, burst.value[0][0].start_mark.column
        lines[at:at] = [f"{' ' * column}allowed:\n", *_block(entry, column + 2)]
    elif _is_empty(allowed):
        column = _key(burst, "allowed").start_mark.column
        at = _cleared(lines, allowed)
        lines[at:at] = _block(entry, column + 2)
    elif isinstance(allowed, yaml.SequenceNode) and not allowed.flow_style:
        at = _last_line(allowed) + 1
        lines[at:at] = _block(entry, allowed.start_mark.column)
    document = _document(path, text)
    document["burst"]["allowed"].append(dict(entry))
    by_hand = f"{_BY_HAND}; to be added is:\n{''.join(_block(entry, 4))}"
    return _checked(path, "".join(lines), document, by_hand)


def changed(path: Path, text: str, number: int, fields: Mapping[str, str]) -> str:
    """With these fields of one entry set.

    Args:
        number: of the entry, counted from 0.

    Raises:
        SettingsError: as with `added`.
    """
    document = _document(path, text)
    document["burst"]["allowed"][number].update(fields)
    by_hand = f"{_BY_HAND}: {', '.join(f'{name}: {value}' for name, value in fields.items())}."
    for name, value in fields.items():
        text = _set(path, text, number, name, value)
    return _checked(path, text, document, by_hand)


def removed(path: Path, text: str, numbers: Collection[int]) -> str:
    """Without these entries.

    Raises:
        SettingsError: as with `added`.
    """
    allowed = _value(_value(parse_marked(path, text).root, "burst"), "allowed")
    lines = text.splitlines(keepends=True)
    if isinstance(allowed, yaml.SequenceNode) and not allowed.flow_style:
        for number in sorted(numbers, reverse=True):
            node = allowed.value[number]
            lines[node.start_mark.line : _last_line(node) + 1] = []
        if len(numbers) == len(allowed.value):
            lines.insert(allowed.start_mark.line, f"{' ' * (allowed.start_mark.column + 1)}[]\n")
    document = _document(path, text)
    for number in sorted(numbers, reverse=True):
        del document["burst"]["allowed"][number]
    return _checked(path, "".join(lines), document, f"{_BY_HAND}.")


def _document(path: Path, text: str) -> Any:
    """With all that an entry stands in."""
    document = deepcopy(parse_marked(path, text).document) or {}
    document["burst"] = document.get("burst") or {}
    document["burst"]["allowed"] = document["burst"].get("allowed") or []
    return document


def _checked(path: Path, text: str, document: Any, by_hand: str) -> str:
    try:
        if parse_marked(path, text).document == document:
            return text
    except SettingsError:
        pass
    raise SettingsError(f"{path} is written in a form that this command does not change.", hint=by_hand)


def _set(path: Path, text: str, number: int, name: str, value: str) -> str:
    root = parse_marked(path, text).root
    allowed = _value(_value(root, "burst"), "allowed")
    entry = allowed.value[number] if isinstance(allowed, yaml.SequenceNode) else None
    lines = text.splitlines(keepends=True)
    if not isinstance(entry, yaml.MappingNode) or not entry.value:
        return text
    old = _value(entry, name)
    if isinstance(old, yaml.ScalarNode):
        _splice(lines, old.start_mark, old.end_mark, _flow({name: value}).partition(": ")[2])
    elif entry.flow_style:
        end = entry.value[-1][1].end_mark
        _splice(lines, end, end, f", {_flow({name: value})}")
    else:
        column, at = entry.value[0][0].start_mark.column, _last_line(entry) + 1
        if not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        lines.insert(at, f"{' ' * column}{_flow({name: value})}\n")
    return "".join(lines)


def _splice(lines: list[str], start: yaml.Mark, end: yaml.Mark, new: str) -> None:
    """Only within a line; what is longer shows when it is read back."""
    line = lines[start.line]
    lines[start.line] = line[: start.column] + new + line[end.column :]


def _cleared(lines: list[str], node: yaml.Node | None) -> int:
    """Takes away what stands for nothing; where its line ends."""
    assert node is not None
    _splice(lines, node.start_mark, node.end_mark, "")
    return node.start_mark.line + 1


def _is_empty(node: yaml.Node | None) -> bool:
    if isinstance(node, yaml.ScalarNode):
        return node.tag == "tag:yaml.org,2002:null"
    return isinstance(node, yaml.CollectionNode) and not node.value


def _block(entry: Mapping[str, str], column: int) -> list[str]:
    """Its lines, the first with a dash at this column."""
    fields = [_flow({name: value}) for name, value in entry.items()]
    return [f"{' ' * column}{'  ' if number else '- '}{field}\n" for number, field in enumerate(fields)]


def _flow(pair: Mapping[str, str]) -> str:
    """'name: value', quoted so that it may stand in braces too."""
    text: str = yaml.safe_dump(dict(pair), default_flow_style=True, allow_unicode=True, width=2**20)
    return text.strip()[1:-1]


def _key(node: yaml.Node | None, name: str) -> yaml.Node:
    assert isinstance(node, yaml.MappingNode)
    keys: list[yaml.Node] = [key for key, _ in node.value if key.value == name]
    return keys[0]


def _value(node: yaml.Node | None, name: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def _last_line(node: yaml.Node) -> int:
    """Counted from 0. A block's own mark is behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    end = node.end_mark
    return end.line - 1 if end.column == 0 and end.line > node.start_mark.line else end.line
