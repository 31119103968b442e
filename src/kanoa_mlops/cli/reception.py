"""The books of a gateway for as long as it runs, and who is let in by them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from kanoa_mlops.cli.books import open_limits, open_store
from kanoa_mlops.errors import UserError
from kanoa_mlops.gateway.allowances import Allowances, carrying
from kanoa_mlops.gateway.books.books import Books
from kanoa_mlops.gateway.books.clerk import Clerk
from kanoa_mlops.gateway.hosts import is_loopback
from kanoa_mlops.gateway.purse import Purse
from kanoa_mlops.gateway.reception import Reception
from kanoa_mlops.settings import Settings

_PATIENCE_SECONDS = 0.25
"""For another process that writes; what is not written is tried again."""


@contextmanager
def reception(settings: Settings, host: str) -> Iterator[Reception]:
    """
    Raises:
        UserError: it is to listen beyond this machine, and nobody has a key.
        KanoaError: the books cannot be read.
    """
    with _opened(settings) as books:
        # Before others have to share what they count with one that does not begin.
        _require_key(books, host)
        with closing(open_limits(settings)) as limits:
            clerk = Clerk(books)
            clerk.start()
            try:
                with _allowances(settings) as allowances:
                    yield Reception(books, not is_loopback(host), Purse(books, allowances=allowances), limits)
            finally:
                clerk.stop()


@contextmanager
def _allowances(settings: Settings) -> Iterator[Allowances]:
    # A connection of its own: what is spent must not wait for it.
    with closing(open_store(settings, patience=_PATIENCE_SECONDS)) as store:
        allowances = Allowances(store)
        with carrying(allowances):
            yield allowances


def require_key(settings: Settings, host: str) -> None:
    """
    Raises:
        UserError: as above; before anything is fetched or started.
    """
    with _opened(settings) as books:
        _require_key(books, host)


@contextmanager
def _opened(settings: Settings) -> Iterator[Books]:
    store = open_store(settings, patience=_PATIENCE_SECONDS)
    try:
        yield Books(store)
    finally:
        store.close()


def _require_key(books: Books, host: str) -> None:
    if not is_loopback(host) and not books.keyring.any_good(time.time()):
        raise UserError(
            f"{host} is open to the network, and nobody has a key yet.",
            hint="Make one first: kanoa-mlops keys add NAME",
        )
