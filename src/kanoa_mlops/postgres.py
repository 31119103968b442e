"""A Postgres: where it is, a connection that waits for nothing for ever, and what can be wrong with it.

No word holds the password: libpq's own never do, and of an address that it cannot parse, which it would
quote, nothing is passed on. psycopg is an extra, so this is imported only where a Postgres is used.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict

from kanoa_mlops.errors import DiskFull, SettingsError, UserError

T = TypeVar("T")
Row = tuple[Any, ...]
Connection = psycopg.Connection[Row]

ANSWER_SECONDS = 15
"""A server that said nothing for so long is given up."""
_CONNECT_SECONDS = 5


@dataclass(frozen=True)
class Address:
    """Where a database is. A password in a file is read each time, so that it may be changed."""

    whose: ClassVar[str] = "a Postgres"
    password_hint: ClassVar[str] = "Name a file whose first line it is."

    url: str = field(repr=False)
    """As libpq reads it: postgresql://user@host:5432/database. What it lacks comes from libpq's own places:
    PGPASSWORD, PGPASSFILE, ~/.pgpass."""
    password_file: Path | None = None
    password: str = field(default="", repr=False)
    """Known already; it goes before the others."""

    def words(self) -> dict[str, Any]:
        """
        Raises:
            SettingsError: no address; or no such file.
        """
        try:
            if _is_torn(self.url):
                raise psycopg.ProgrammingError
            words = conninfo_to_dict(self.url)
        except (psycopg.ProgrammingError, UnicodeDecodeError):  # %aa stands for a byte that is no UTF-8
            raise SettingsError(
                f"The address of {self.whose} cannot be read.",
                hint="Write it as postgresql://user@host:5432/database, with %40 for @ and %2F for /.",
            ) from None
        if self.password:
            words["password"] = self.password
        elif self.password_file:
            words["password"] = self._first_line(self.password_file)
        return words

    def __str__(self) -> str:
        words = self.words()
        host, port = words.get("host"), words.get("port")
        place = f" on {host}" + (f":{port}" if port else "") if host else ""
        return f"database {words.get('dbname') or words.get('user') or 'of this user'}{place}"

    def _first_line(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise SettingsError(
                f"The password of {self.whose} cannot be read from {path}: {reason}.", hint=self.password_hint
            ) from None


class Bounded(psycopg.Connection[Row]):
    """Gives up a server that is silent: one that was frozen, or a network that was cut."""

    patience: float = ANSWER_SECONDS
    """Seconds."""

    def wait(self, gen: PQGen[T], *args: Any, **options: Any) -> T:
        return super().wait(self._until(gen, time.monotonic() + self.patience), *args, **options)

    def _until(self, gen: PQGen[T], end: float) -> PQGen[T]:
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > end:
                    # Not asked anything more: a rollback would wait as long again.
                    self.close()
                    raise psycopg.OperationalError(f"it said nothing for {self.patience:g} seconds")
                wanted = gen.send(ready)
        except StopIteration as done:
            found: T = done.value
            return found


def connected(address: Address, settings: Mapping[str, str], *, writes: bool) -> Bounded:
    """In autocommit.

    Args:
        settings: of Postgres, for this connection.
        writes: whether, of several hosts, it must be one that can be written.

    Raises:
        SettingsError: no address; or no such file.
    """
    words = {
        "connect_timeout": _CONNECT_SECONDS,
        "application_name": "kanoa-mlops",
        # A database in SQL_ASCII knows no letters, and text would come as bytes, which equal no text.
        "client_encoding": "UTF8",
        "target_session_attrs": "read-write" if writes else "any",
        **address.words(),
    }
    connection = Bounded.connect(**words, autocommit=True)
    try:
        set_up = ", ".join(["set_config(%s, %s, false)"] * len(settings))
        values = [word for setting in settings.items() for word in setting]
        connection.execute(f"SELECT {set_up}".encode(), values)
    except BaseException:
        connection.close()
        raise
    return connection


class Trouble(Enum):
    """What can be wrong with a server, whatever it is asked."""

    AWAY = "not reached, or no longer"
    """Or it did not let us in: a wrong password has no code of its own on every way there."""
    BUSY = "held by others, or a statement took too long"
    FULL = "its disk is full"
    FORBIDDEN = "rights lack, or it may only be read"
    DAMAGED = "it says so itself"


_CODES = {
    "53100": Trouble.FULL,
    "40001": Trouble.BUSY,
    "40P01": Trouble.BUSY,
    "55P03": Trouble.BUSY,
    "57014": Trouble.BUSY,
    "25006": Trouble.FORBIDDEN,
    "42501": Trouble.FORBIDDEN,
}
"""https://www.postgresql.org/docs/18/errcodes-appendix.html"""


def trouble(error: psycopg.Error) -> Trouble | None:
    """None for a mistake in what was asked."""
    code = error.sqlstate or ""
    if code in _CODES:
        return _CODES[code]
    if code.startswith(("58", "XX")):
        return Trouble.DAMAGED
    # Without a code the server was not reached, or no longer; with these it says that it is leaving.
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return Trouble.AWAY
    return None


def in_words(
    trouble: Trouble,
    name: str,
    words: str,
    *,
    unusable: type[UserError],
    busy: type[UserError],
    setting: str,
) -> UserError:
    """
    Args:
        name: of the database.
        words: the server's.
        setting: the variable that has the address.
    """
    match trouble:
        case Trouble.FULL:
            return DiskFull(f"{name} cannot grow: the disk is full.", hint="Free some room there.")
        case Trouble.BUSY:
            return busy(f"{name} is held by others: {words}.", hint="Try again.")
        case Trouble.FORBIDDEN:
            return unusable(
                f"{name} cannot be read and written: {words}.",
                hint="It needs a server that may be written, and a user who may create a schema in it.",
            )
        case Trouble.DAMAGED:
            return unusable(f"{name} is damaged: {words}.", hint="See the server's own log.")
        case Trouble.AWAY:
            return busy(
                f"{name} cannot be reached: {words}.",
                hint=f"See that it runs, and that {setting} and its password are right.",
            )


def first_words(error: psycopg.Error) -> str:
    """The first line, without a full stop."""
    return (str(error) or type(error).__name__).partition("\n")[0].strip().rstrip(".")


def _is_torn(url: str) -> bool:
    """Whether a password has letters in it by which libpq would take its end for a host, and name that."""
    authority = re.split("[/?]", url.partition("://")[2], maxsplit=1)[0]
    return authority.count("@") > 1 or url.count("@") > authority.count("@")
