"""How a request's figures reached a model that cannot see: for the answer's headers, log line and usage."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.gateway.usage import Step

DESCRIBED = "described"


@dataclass(frozen=True)
class FigureNotes:
    """Empty for a request without figures, and for a model that sees them itself."""

    way: str = ""
    """'described', the reader's name such as 'ocr', or both for several figures."""
    model: str = ""
    """The model that described them."""
    warning: str = ""
    """Why a figure was not described though a model that sees is served."""
    steps: tuple[Step, ...] = ()
    """What the descriptions cost, in the order of the figures."""

    @property
    def headers(self) -> dict[str, str]:
        headers = {
            "x-kanoa-figure": self.way,
            "x-kanoa-figure-model": self.model,
            "x-kanoa-figure-warning": _header_value(self.warning),
        }
        return {name: value for name, value in headers.items() if value}


NO_FIGURES = FigureNotes()


def _header_value(words: str) -> str:
    return " ".join(words.encode("ascii", "replace").decode().split())
