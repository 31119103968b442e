"""An address to ask over HTTP. Credentials are kept apart from it, so that no message can show them."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from kanoa_mlops.errors import UserError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_USER_INFO = re.compile(r"//\S*@")


@dataclass(frozen=True, repr=False)
class Address:
    url: str
    """Without user and password."""
    authorization: str = ""
    """The header's value; given to this scheme, host and port only."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """'https://user:password@host/path': the credentials become a Basic header.

        Raises:
            UserError: it is no address; the message shows no credentials.
        """
        try:
            split = urlsplit(text)
            _ = split.port
        except ValueError:
            # Not `from` the cause: of a badly quoted password it would quote a piece.
            raise UserError(
                f"{mask(text)} is not an address.",
                hint="In a password, write / as %2F, @ as %40 and # as %23.",
            ) from None
        bare = split._replace(netloc=split.netloc.rpartition("@")[2]).geturl()
        return cls(bare, _basic(split))

    def join(self, link: str, base: str | None = None) -> Address:
        """Where a link found at `base` (default: here) leads; credentials follow only to the same place."""
        target = Address.parse(urljoin(base or self.url, link))
        if not target.authorization and same_place(self.url, target.url):
            return replace(target, authorization=self.authorization)
        return target

    @property
    def scheme(self) -> str:
        return urlsplit(self.url).scheme

    def __str__(self) -> str:
        """For people: no credentials, and no query, since signed addresses carry their key there."""
        return mask(self.url).partition("?")[0].partition("#")[0]

    __repr__ = __str__


def same_place(one: str, other: str) -> bool:
    """Whether two addresses have scheme, host and port in common."""
    return _place(one) == _place(other)


def mask(text: str) -> str:
    """The text with everything hidden that may be a user and a password, too much rather than too little."""
    return _USER_INFO.sub("//***@", text)


def _place(url: str) -> tuple[str, str | None, int | None]:
    split = urlsplit(url)
    return split.scheme, split.hostname, split.port or _DEFAULT_PORTS.get(split.scheme)


def _basic(split: SplitResult) -> str:
    if split.username is None:
        return ""
    pair = f"{unquote(split.username)}:{unquote(split.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
