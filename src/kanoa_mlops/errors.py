"""Every error this project raises on purpose, in one tree.

    KanoaError
    ├── UserError                exit 1: something the person can change
    │   ├── SettingsError        the configuration file or an environment variable
    │   ├── CatalogError         a catalog file, naming file and field
    │   ├── UnknownModel         no such model; carries the nearest names
    │   ├── UnknownPlatform      no such platform; carries the nearest names
    │   ├── UnknownArchitecture  a model's own files say something that is not understood; never guessed
    │   ├── NothingServed        a command needs a running server and there is none
    │   ├── PortTaken            another process listens there
    │   ├── OfflineError         the network is needed and was forbidden
    │   ├── MissingExtra         an optional part is not installed
    │   ├── AccessRefused        the hub wants a licence accepted, or another token
    │   ├── OllamaAbsent         no Ollama daemon answers where one is looked for
    │   ├── DiskFull             not enough room, with how much and where
    │   ├── BooksUnusable        the gateway's database: no rights, damaged, or of a newer version
    │   ├── BooksBusy            the gateway's database is held by another process, or not reached; try later
    │   ├── ArchiveUnusable      where documents are kept: no rights, damaged, or of a newer version
    │   ├── ArchiveBusy          where documents are kept is held by another process, or not reached
    │   ├── UnknownKey           no such key of the gateway
    │   ├── UnknownCollection    no such collection of documents, or none that this reader may see
    │   ├── CollectionExpired    it was not used for as long as it was to be kept
    │   ├── KeptElsewhere        a provider's store cannot be changed here
    │   ├── UnknownFile          no such uploaded file, or none that this reader may see
    │   ├── UnknownBatch         no such batch of files that were attached together
    │   ├── QueueFull            so many files of one owner wait to be taken in that no more may
    │   ├── NameTaken            its owner has a collection of that name
    │   ├── BadFilter            a search's filter makes no sense, or its provider cannot say it
    │   ├── UnreadableDocument   a file whose text cannot be had: damaged, encrypted
    │   │   └── UnknownFormat    of a format that is not read here
    │   ├── OtherSpace           vectors of two models may not be mixed
    │   └── DoesNotFit           no plan fits this machine
    └── Failure                  exit 2: something of ours, or below us, broke
        ├── SourceFailed         weights could not be had from one source
        ├── WeightsCorrupted     a file on disk is not what the catalog says
        ├── OllamaRefused        an Ollama daemon said no; carries its words
        ├── RetrieverFailed      a provider of passages or vectors was not reached, or refused
        ├── EngineDied           an engine ended; carries its last words
        └── ServerDied           the server ended before it was ready

An error says what happened and where; `hint` says what to do next.
"""

from __future__ import annotations


class KanoaError(Exception):
    """Base of the tree. `exit_code` is what a command ends with."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UserError(KanoaError):
    exit_code = 1


class SettingsError(UserError):
    pass


class CatalogError(UserError):
    pass


class UnknownModel(UserError):
    pass


class UnknownPlatform(UserError):
    pass


class UnknownArchitecture(UserError):
    pass


class NothingServed(UserError):
    pass


class PortTaken(UserError):
    pass


class OfflineError(UserError):
    pass


class MissingExtra(UserError):
    pass


class AccessRefused(UserError):
    """`gated`: it asks for what another source may not: an accepted licence, shown by a token."""

    def __init__(self, message: str, *, hint: str = "", gated: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.gated = gated


class OllamaAbsent(UserError):
    pass


class DiskFull(UserError):
    pass


class BooksUnusable(UserError):
    pass


class BooksBusy(UserError):
    pass


class ArchiveUnusable(UserError):
    pass


class ArchiveBusy(UserError):
    pass


class UnknownKey(UserError):
    pass


class UnknownCollection(UserError):
    pass


class CollectionExpired(UserError):
    pass


class KeptElsewhere(UserError):
    pass


class UnknownFile(UserError):
    pass


class UnknownBatch(UserError):
    pass


class QueueFull(UserError):
    pass


class NameTaken(UserError):
    pass


class BadFilter(UserError):
    pass


class UnreadableDocument(UserError):
    pass


class UnknownFormat(UnreadableDocument):
    pass


class OtherSpace(UserError):
    pass


class DoesNotFit(UserError):
    pass


class Failure(KanoaError):
    pass


class SourceFailed(Failure):
    pass


class WeightsCorrupted(Failure):
    pass


class OllamaRefused(Failure):
    """`status` is that of its answer."""

    def __init__(self, message: str, *, hint: str = "", status: int) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class RetrieverFailed(Failure):
    pass


class EngineDied(Failure):
    pass


class ServerDied(Failure):
    pass
