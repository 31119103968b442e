"""The fallback store: every collection in one file of SQLite, found by words and, where there are any, by vectors."""

from kanoa_mlops.grounding.local.archive import LocalArchive

__all__ = ["LocalArchive"]
