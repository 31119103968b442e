"""What a long pull tells whoever watches. The command line draws it; here it is only said."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    def start(self, what: str, total_bytes: int, already: int) -> None:
        """Work on `what` begins, `already` bytes of it done.

        Said again for the same `what` when a cut download goes on, or begins anew from `already` = 0.
        """

    def advance(self, count: int) -> None:
        """So many bytes more of what was started last."""

    def note(self, message: str) -> None:
        """One sentence for the person: a source that failed, a lock waited for."""

    def finish(self) -> None:
        """What was started last is whole. Not said when it failed."""


class SilentProgress:
    """For callers that do not watch."""

    def start(self, what: str, total_bytes: int, already: int) -> None:
        pass

    def advance(self, count: int) -> None:
        pass

    def note(self, message: str) -> None:
        pass

    def finish(self) -> None:
        pass
