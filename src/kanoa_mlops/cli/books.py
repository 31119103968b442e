"""Where the gateway's books are, as the person set it: one file of this machine, or a database of several."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

from kanoa_mlops.errors import MissingExtra
from kanoa_mlops.gateway.books.company import Company
from kanoa_mlops.gateway.books.rate_limits import RateLimits
from kanoa_mlops.gateway.books.shared_limits import SharedLimits
from kanoa_mlops.gateway.books.sqlite import SqliteStore
from kanoa_mlops.gateway.books.store import Store
from kanoa_mlops.settings import Settings

if TYPE_CHECKING:
    from kanoa_mlops.gateway.books.postgres import PostgresStore

_Found = TypeVar("_Found")
_PATIENCE_SECONDS = 5.0
_TURNS_SECONDS = 2.0
"""The least that others in Postgres are waited for: each turn of theirs is a few trips over the network."""


def open_store(settings: Settings, *, patience: float = _PATIENCE_SECONDS) -> Store:
    """
    Args:
        patience: seconds to wait for others that write.

    Raises:
        MissingExtra: it is a Postgres, and there is nothing here that speaks to one.
        SettingsError: its address or the file of its password cannot be read.
        BooksUnusable, BooksBusy, DiskFull: as of `Store`.
    """
    if settings.books_url is None:
        return SqliteStore(settings.books_file, patience=patience)
    return _postgres(settings, patience)


def looked_up(
    settings: Settings,
    look: Callable[[Store], _Found],
    nothing: _Found,
    *,
    patience: float = _PATIENCE_SECONDS,
) -> _Found:
    """What the books hold, or `nothing` where there are none yet: who only looks makes no file.

    Raises:
        KanoaError: as above.
    """
    if settings.books_url is None and not settings.books_file.exists():
        return nothing
    with closing(open_store(settings, patience=patience)) as store:
        return look(store)


def open_limits(settings: Settings) -> RateLimits:
    """Kept where the books are.

    Raises:
        KanoaError: as above.
    """
    # A connection of its own: a request must not wait for the ledger to be written.
    if settings.books_url is None:
        store = SqliteStore(settings.books_file, patience=_PATIENCE_SECONDS)
        return SharedLimits(store, Company(settings.books_file))
    return SharedLimits(_postgres(settings, _PATIENCE_SECONDS))


def _postgres(settings: Settings, patience: float) -> PostgresStore:
    # An extra; and who keeps a file need not wait for it to be loaded.
    try:
        from kanoa_mlops.gateway.books.link import Address
        from kanoa_mlops.gateway.books.postgres import PostgresStore
    except ImportError as error:
        raise MissingExtra(
            f"Books in Postgres need psycopg: {error}.", hint="pip install 'kanoa-mlops[postgres]'"
        ) from error
    assert settings.books_url is not None
    url = settings.books_url.get_secret_value()
    address = Address(url, settings.books_password_file)
    return PostgresStore(address, patience=max(patience, _TURNS_SECONDS))
