"""A repository of the hub as a whole: its files at a commit, its licence, what it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from kanoa_mlops.catalog.foreign.found import Found
from kanoa_mlops.errors import SourceFailed
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.access import refused
from kanoa_mlops.weights.hub_home import hub_address
from kanoa_mlops.weights.remote_file import RemoteFile
from kanoa_mlops.weights.web import Web

_LONGEST_LISTING = 2**25
_PUBLIC_HUB = "https://huggingface.co"


@dataclass(frozen=True)
class CardFile:
    path: str
    size: int | None
    sha256: str | None
    """Of those kept in large file storage."""


@dataclass(frozen=True)
class RepositoryCard:
    repo: str
    """'org/name'."""
    revision: str
    """The commit."""
    files: tuple[CardFile, ...]
    licence: str
    licence_url: str
    gated: bool
    """Its licence must be accepted before it gives files."""
    instruct: bool
    """It has a chat template."""

    def found(self, where: str) -> Found:
        return Found(
            url=f"{_PUBLIC_HUB}/{self.repo}/tree/{self.revision}",
            where=where,
            repo=self.repo,
            revision=self.revision,
            licence=self.licence,
            licence_url=self.licence_url,
            gated=self.gated,
            instruct=self.instruct,
        )

    def file(self, path: str) -> CardFile | None:
        return next((file for file in self.files if file.path == path), None)


def read_card(repo: str, revision: str, settings: Settings, web: Web) -> RepositoryCard:
    """
    Raises:
        UnknownModel: there is no such repository, or no such revision of it.
        SourceFailed: the hub does not answer as it should.
        AccessRefused: it does not tell this person.
    """
    path = f"api/models/{repo}/revision/{quote(revision, safe='')}?blobs=true"
    source = f"Hugging Face {repo}" if revision == "main" else f"Hugging Face {repo} at {revision}"
    with RemoteFile(web, hub_address(path, settings), source, refused(repo, settings)) as file:
        body = file.read_whole(_LONGEST_LISTING)
    try:
        info = _Info.model_validate_json(body)
    except ValidationError as error:
        raise SourceFailed(f"{source} answers something else than a listing of its files.") from error
    return RepositoryCard(
        repo=repo,
        revision=info.sha,
        files=tuple(CardFile(each.rfilename, each.bytes, each.checksum) for each in info.siblings),
        licence=info.card.licence_name,
        licence_url=info.card.licence_url,
        gated=bool(info.gated),
        instruct=info.has_template,
    )


def open_file(card: RepositoryCard, path: str, settings: Settings, web: Web) -> RemoteFile:
    address = hub_address(f"{card.repo}/resolve/{card.revision}/{quote(path)}", settings)
    source = f"Hugging Face {card.repo}: {path}"
    return RemoteFile(web, address, source, refused(card.repo, settings))


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class _Large(_Lenient):
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: int


class _Sibling(_Lenient):
    rfilename: str
    size: int | None = None
    lfs: _Large | None = None

    @property
    def bytes(self) -> int | None:
        return self.lfs.size if self.lfs else self.size

    @property
    def checksum(self) -> str | None:
        return self.lfs.sha256 if self.lfs else None


class _Card(_Lenient):
    """Written by people, so anything may be in it."""

    license: Any = None
    license_name: Any = None
    license_link: Any = None

    @property
    def licence_name(self) -> str:
        named = self.license_name if self.license == "other" and self.license_name else self.license
        return ", ".join(map(str, named)) if isinstance(named, list) else str(named or "")

    @property
    def licence_url(self) -> str:
        link = self.license_link
        return link if isinstance(link, str) and link.startswith("https://") else ""


class _Info(_Lenient):
    sha: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    siblings: list[_Sibling]
    gated: bool | str = False
    card: Annotated[_Card, Field(alias="cardData")] = _Card()
    config: Any = None

    @field_validator("card", mode="before")
    @classmethod
    def _card_may_be_missing(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {}

    @property
    def has_template(self) -> bool:
        files = {sibling.rfilename for sibling in self.siblings}
        if files & {"chat_template.jinja", "chat_template.json"}:
            return True
        tokenizer = self.config.get("tokenizer_config") if isinstance(self.config, dict) else None
        return isinstance(tokenizer, dict) and bool(tokenizer.get("chat_template"))
