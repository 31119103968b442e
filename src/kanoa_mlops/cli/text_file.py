"""A person's file that is changed: read as it is, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from kanoa_mlops.errors import SettingsError


def write(path: Path, text: str) -> None:
    """All or nothing. A link stays one.

    Raises:
        SettingsError: it cannot be written.
    """
    whole = path.resolve()
    part = whole.with_name(f".{whole.name}.{os.getpid()}")
    try:
        whole.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        if whole.exists():
            part.chmod(whole.stat().st_mode & 0o777)
        part.replace(whole)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SettingsError(f"{path} cannot be written: {error.strerror}.") from error


def read(path: Path) -> str:
    """'' where there is none.

    Raises:
        SettingsError: it cannot be read, or is not text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise SettingsError(f"{path} cannot be read: {why}.") from error
