"""YAML that remembers on which line everything was written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kanoa_mlops.errors import SettingsError

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Place = tuple[str | int, ...]
"""Keys and numbers from the top of a document down: ('backends', 0, 'url')."""


@dataclass(frozen=True)
class Marked:
    path: Path
    document: Any
    """Plain values; None where the file is empty."""
    root: yaml.Node | None

    def line(self, place: Place) -> int:
        """Where it stands, counted from 1; where it is missing, what it would stand in."""
        mark = self.root.start_mark if self.root else None
        node = self.root
        for step in place:
            found = _step(node, step) if node else None
            if found is None:
                break
            mark, node = found
        return mark.line + 1 if mark else 1

    def mistake(self, place: Place, message: str, hint: str = "") -> SettingsError:
        """To be raised: names file, line and place."""
        where = ".".join(map(str, place)) or "the file"
        return SettingsError(f"{self.path}:{self.line(place)}: {where}: {message}", hint=hint)


def read_marked(path: Path, *, missing_ok: bool = False) -> Marked:
    """
    Args:
        missing_ok: a file that is not there is an empty one.

    Raises:
        SettingsError: it cannot be read or is not YAML; names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if missing_ok and isinstance(error, FileNotFoundError):
            return parse_marked(path, "")
        raise SettingsError(f"{path} cannot be read: {getattr(error, 'strerror', error)}.") from error
    return parse_marked(path, text)


def parse_marked(path: Path, text: str) -> Marked:
    """
    Args:
        path: named in what is said.

    Raises:
        SettingsError: it is not YAML, or a key is written twice; names file and line.
    """
    loader, root = _Loader(text), None
    try:
        root = loader.get_single_node()
        for key in _doubled(root):
            at = key.start_mark.line + 1
            raise SettingsError(f"{path}:{at}: {key.value} is written twice. Keep one.")
        return Marked(path, loader.construct_document(root) if root else None, root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SettingsError(f"{path}:{mark.line + 1 if mark else 1}: not YAML: {error.problem}.") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: not YAML: {error}.") from error
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        # A date that does not exist, a tag on what is not of its kind: PyYAML lets through what Python says.
        at = next(_unreadable(root), 0) + 1
        raise SettingsError(f"{path}:{at}: not YAML that can be read: {error}.") from error
    finally:
        loader.dispose()


def _step(node: yaml.Node, step: str | int) -> tuple[yaml.Mark, yaml.Node] | None:
    """One key or number down: where it is written, and what."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == str(step):
                return key.start_mark, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark, node.value[step]
    return None


def _doubled(root: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Keys that were there before; YAML has the last one win, in silence."""
    for node in _nodes(root):
        if isinstance(node, yaml.MappingNode):
            keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            names = [key.value for key in keys]
            yield from (key for number, key in enumerate(keys) if key.value in names[:number])


def _unreadable(root: yaml.Node | None) -> Iterator[int]:
    """Lines, counted from 0, of values that are not what they look like."""
    loader = _Loader("")  # one that failed is of no more use
    for node in _nodes(root):
        if isinstance(node, yaml.ScalarNode):
            try:
                loader.construct_object(node)
            except (ValueError, LookupError, AttributeError, yaml.YAMLError):
                yield node.start_mark.line


def _nodes(root: yaml.Node | None) -> Iterator[yaml.Node]:
    """Each once: a node may stand in several places, even in itself."""
    waiting, seen = [root] if root else [], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            waiting.extend(each for pair in node.value for each in pair)
