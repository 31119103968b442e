"""What a repository of the hub holds at one commit, asked in one request before anything is fetched."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from pydantic import BaseModel, Field, ValidationError

from kanoa_mlops.catalog.fields import Sha256
from kanoa_mlops.catalog.types.weights import Revision
from kanoa_mlops.errors import KanoaError, SourceFailed
from kanoa_mlops.settings import Settings
from kanoa_mlops.units import format_duration
from kanoa_mlops.weights.access import explain, gone_hint
from kanoa_mlops.weights.address import Address
from kanoa_mlops.weights.hub_home import hub_address
from kanoa_mlops.weights.progress import Progress
from kanoa_mlops.weights.refused import REFUSALS
from kanoa_mlops.weights.web import PASSING, Answer, Web, read_whole

_BRANCH = "main"
_LARGEST_ANSWER = 64 * 2**20


@dataclass(frozen=True)
class RepositoryFile:
    """A file at a commit. Of large files the hub knows a sha256, of others what Git calls their content."""

    size: int
    sha256: str | None = None
    git_blob: str | None = None


@dataclass(frozen=True)
class Repository:
    name: str
    """'org/name'."""
    commit: str
    files: Mapping[str, RepositoryFile]
    """By path. Only those of which the hub tells size and content."""


def ask_hub(repo: str, revision: str | None, settings: Settings, web: Web, progress: Progress) -> Repository:
    """
    Args:
        revision: a commit; None for what the main branch is now.

    Raises:
        SourceFailed: the hub does not answer, or not with that. Its message follows the repository's name.
        AccessRefused: it does not tell this person.
        SettingsError: the token cannot be a token, or the hub's address is none.
    """
    path = f"api/models/{repo}/revision/{quote(revision or _BRANCH)}?blobs=true"
    body = _ask(repo, revision, hub_address(path, settings), settings, web, progress)
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError as error:
        raise SourceFailed(
            "is described with something that is no answer of a hub", hint=_other_hub(settings)
        ) from error
    if answer.id not in ("", repo):
        progress.note(f"Hugging Face {repo} is called {answer.id} now.")
    if revision not in (None, answer.sha):
        raise SourceFailed(f"answers with commit {answer.sha[:12]}, not with {str(revision)[:12]}")
    files = {each.rfilename: file for each in answer.siblings if (file := _known(each))}
    return Repository(repo, answer.sha, files)


class _Lfs(BaseModel):
    sha256: Sha256
    size: int = Field(ge=0)


class _Sibling(BaseModel):
    """A file as `?blobs=true` lists it. Of a file in LFS `blobId` is its pointer's, not its own."""

    rfilename: str
    size: int | None = Field(None, ge=0)
    blobId: str | None = Field(None, pattern=r"^[0-9a-f]{40}$")
    lfs: _Lfs | None = None


class _Answer(BaseModel):
    id: str = ""
    """Another than was asked for where the repository was renamed: the hub leads on from the old name."""
    sha: Revision
    siblings: tuple[_Sibling, ...]


def _known(sibling: _Sibling) -> RepositoryFile | None:
    if sibling.lfs:
        return RepositoryFile(sibling.lfs.size, sha256=sibling.lfs.sha256)
    if sibling.size is None or sibling.blobId is None:
        return None
    return RepositoryFile(sibling.size, git_blob=sibling.blobId)


def _ask(
    repo: str, revision: str | None, address: Address, settings: Settings, web: Web, progress: Progress
) -> bytes:
    """The body of the answer, after troubles that pass."""
    pause = web.patience.pause_seconds
    for left in reversed(range(web.patience.tries)):
        with web.open(address, accept="application/json") as answer:
            if answer.status == 200:
                return read_whole(answer, _LARGEST_ANSWER, "the description of a repository")
            if answer.status not in PASSING or not left:
                raise _refusal(answer, repo, revision, settings)
        progress.note(
            f"Hugging Face {repo} answered HTTP {answer.status}; trying again in {format_duration(pause)}."
        )
        time.sleep(pause)
        pause *= 2
    raise AssertionError("the last try returns or raises")


def _refusal(answer: Answer, repo: str, revision: str | None, settings: Settings) -> KanoaError:
    said = f"(HTTP {answer.status})"
    if answer.headers.get("x-error-code") == "RevisionNotFound":
        return SourceFailed(f"has no revision {revision or _BRANCH} {said}")
    if answer.status in REFUSALS:
        return explain(answer, repo, settings)
    if answer.status in (404, 410):
        return SourceFailed(f"does not exist, or is private {said}", hint=gone_hint(settings))
    return SourceFailed(f"answered HTTP {answer.status}")


def _other_hub(settings: Settings) -> str:
    return f"The hub that was asked is {Address.parse(settings.hub_url)}; `hub_url` names another."
