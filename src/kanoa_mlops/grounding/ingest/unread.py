"""Files that could not be read, remembered so that they are not tried again before they change."""

from __future__ import annotations

import json
from pathlib import Path

from kanoa_mlops.grounding.ingest.walk import Found, Skipped


class Unread:
    """Of one collection, in a file of JSON. Losing it costs another try and nothing else."""

    def __init__(self, file: Path, reader: str) -> None:
        self._file = file
        self._reader = reader
        self._known = self._load()

    @classmethod
    def of(cls, state: Path, collection_id: str, reader: str) -> Unread:
        """Where `mirror` keeps it."""
        return cls(state / f"{collection_id}.unread.json", reader)

    def before(self, found: Found) -> Skipped | None:
        """Why it was not read, if it is the same since."""
        known = self._known.get(found.source)
        if known is None or known[:3] != [found.bytes, found.modified, self._reader]:
            return None
        return Skipped(found.source, str(known[3]), str(known[4]))

    def note(self, found: Found, skipped: Skipped) -> None:
        self._known[found.source] = [
            found.bytes,
            found.modified,
            self._reader,
            skipped.reason,
            skipped.hint,
        ]

    def keep(self, sources: set[str]) -> None:
        """Only these, on disk; whole or not at all."""
        self._known = {source: known for source, known in self._known.items() if source in sources}
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(self._known), encoding="utf-8")
        fresh.replace(self._file)

    def _load(self) -> dict[str, list[object]]:
        try:
            known = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(known, dict):
            return {}
        return {each: one for each, one in known.items() if isinstance(one, list) and len(one) == 5}
