"""What goes on between the gateway and its engines now, as far as it tells whether they work."""

from __future__ import annotations

from types import TracebackType


class Flow:
    """Of one engine. Entered for each wait for it: a client that reads slowly is no fault of its."""

    __slots__ = ("received_bytes", "waiting")

    def __init__(self) -> None:
        self.waiting = 0
        """Requests that wait for the engine."""
        self.received_bytes = 0
        """Of all answers."""

    def __enter__(self) -> None:
        self.waiting += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.waiting -= 1


class Traffic:
    """Every flow. Who asks engines counts here, who watches them reads."""

    def __init__(self) -> None:
        self._by_name: dict[str, Flow] = {}

    def of(self, name: str) -> Flow:
        """
        Args:
            name: the backend's, by which it is watched.
        """
        return self._by_name.setdefault(name, Flow())
