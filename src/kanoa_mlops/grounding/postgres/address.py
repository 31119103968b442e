"""Where a Postgres is, and how one gets in.

No word holds the password: of an address that libpq cannot parse, which it would quote, nothing is passed on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from kanoa_mlops.errors import SettingsError


@dataclass(frozen=True)
class Address:
    """Where a database is. A password in a file is read each time, so that it may be changed."""

    url: str = field(repr=False)
    """As libpq reads it: postgresql://user@host:5432/database. What it lacks, libpq looks for itself."""
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
        except (psycopg.ProgrammingError, UnicodeDecodeError):
            raise SettingsError(
                "The address of a Postgres cannot be read.",
                hint="Write it as postgresql://user@host:5432/database, with %40 for @ and %2F for /.",
            ) from None
        if self.password:
            words["password"] = self.password
        elif self.password_file:
            words["password"] = _first_line(self.password_file)
        return words

    def __str__(self) -> str:
        words = self.words()
        host, port = words.get("host"), words.get("port")
        place = f" on {host}" + (f":{port}" if port else "") if host else ""
        return f"database {words.get('dbname') or words.get('user') or 'of this user'}{place}"


def _is_torn(url: str) -> bool:
    """Whether a password has letters in it by which libpq would take its end for a host, and name that."""
    authority = re.split("[/?]", url.partition("://")[2], maxsplit=1)[0]
    return authority.count("@") > 1 or url.count("@") > authority.count("@")


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingsError(
            f"The password of a Postgres cannot be read from {path}: {reason}.",
            hint="Name a file whose first line it is.",
        ) from None
