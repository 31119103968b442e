"""The fallback store: collections in one file of SQLite, searched by words, and by vectors if there are."""

from kanoa_mlops.grounding.local.archive import LocalArchive

__all__ = ["LocalArchive"]
