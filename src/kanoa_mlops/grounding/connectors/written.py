"""The text of `grounding.yaml`, which knows on which line each thing stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kanoa_mlops.errors import SettingsError

Place = tuple[str | int, ...]
"""Keys and numbers from the top down: ('stores', 'lab', 'url')."""


@dataclass(frozen=True)
class Written:
    path: Path = Path("grounding.yaml")
    document: Any = None
    """Plain values; None where the file is empty."""
    root: yaml.Node | None = None

    def mistake(self, place: Place, message: str, hint: str = "") -> SettingsError:
        """To be raised: names file, line and place."""
        where = ".".join(map(str, place)) or "the file"
        return SettingsError(f"{self.path}:{self._line(place)}: {where}: {message}", hint=hint)

    def _line(self, place: Place) -> int:
        """Counted from 1; of what is missing, that of what it would stand in."""
        node, line = self.root, 1
        for step in place:
            found = [(below, at) for key, at, below in _below(node) if key == str(step)]
            if not found:
                break
            node, line = found[0]
        return line


def written(path: Path, text: str) -> Written:
    """
    Raises:
        SettingsError: it is not YAML, or a key stands there twice; names file and line.
    """
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        for line, key in _doubled(root):
            raise SettingsError(f"{path}:{line}: {key} is written twice. Keep one.")
        return Written(path, yaml.safe_load(text), root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SettingsError(f"{path}:{mark.line + 1 if mark else 1}: not YAML: {error.problem}.") from error
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        # A date that does not exist, a tag on what is not of its kind: PyYAML lets through what Python says.
        raise SettingsError(f"{path}: not YAML that can be read: {error}.") from error


def _below(node: yaml.Node | None) -> Iterator[tuple[str, int, yaml.Node]]:
    """Each key or number one down, its line, and what stands there."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode):
        for number, each in enumerate(node.value):
            yield str(number), each.start_mark.line + 1, each


def _doubled(root: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Keys that were there before; YAML has the last one win, in silence."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # a node may stand in several places, even in itself
            continue
        seen.add(id(node))
        keys: set[str] = set()
        for key, line, value in _below(node):
            if key in keys:
                yield line, key
            keys.add(key)
            waiting.append(value)
