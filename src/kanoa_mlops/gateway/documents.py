"""All that a gateway does with documents: files, vector stores, and answers that stand on them.

Loaded with the first request for any of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kanoa_mlops.errors import KanoaError
from kanoa_mlops.gateway.describe import Describer
from kanoa_mlops.gateway.figures import FigureReader
from kanoa_mlops.gateway.grounded.grounding import Grounding, make_grounding
from kanoa_mlops.gateway.library.closed import closed
from kanoa_mlops.gateway.library.counted import LibraryCounts
from kanoa_mlops.gateway.library.desk import as_api_error
from kanoa_mlops.gateway.library.doors import doors
from kanoa_mlops.gateway.limits import Limits
from kanoa_mlops.gateway.once import Handlers
from kanoa_mlops.gateway.reception import Reception
from kanoa_mlops.grounding.library import Library

Opening = Callable[[], Library | None]
"""Opens the library, or gives the one that is open; None where what is kept cannot be used."""


@dataclass(frozen=True)
class Documents:
    handlers: Handlers
    """Of the routes of files and vector stores."""
    grounding: Grounding


def open_documents(
    opening: Opening | None,
    counts: LibraryCounts,
    reception: Reception | None,
    limits: Limits,
    figures: FigureReader | None,
    describer: Describer,
) -> Documents:
    """Without a library whoever asks for documents is refused.

    Raises:
        ApiError: it cannot be opened; the log says why.
    """
    try:
        library = opening() if opening else None
    except KanoaError as error:
        raise as_api_error(error) from error
    handlers = doors(library, reception, limits, counts) if library else closed()
    return Documents(handlers, make_grounding(library, figures, describer, limits))
