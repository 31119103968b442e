"""What stands in the file of one store."""

from __future__ import annotations

import ipaddress
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, PrivateAttr, model_validator

from kanoa_mlops.api_address import parse_api_address
from kanoa_mlops.grounding.connectors.secret import secret
from kanoa_mlops.grounding.connectors.service import Service
from kanoa_mlops.grounding.types import Retriever
from kanoa_mlops.placed import Placed


@dataclass(frozen=True)
class Around:
    """What an entry may look at."""

    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Where keys are looked up."""
    certificates: Path | None = None
    """Authorities to trust beside the system's."""


Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""The name of one of the environment."""


class Entry(Placed):
    """One store. Its fields are those of the file; frozen, and a foreign one is a mistake."""

    # Anybody makes one: a field that cannot be one is found when its module is loaded.
    model_config = ConfigDict(defer_build=False)

    provider: str = ""
    """The name of its connector."""
    shareable: bool = False
    """Whether what it holds may leave the owner's machines with a request."""
    readers: tuple[str, ...] = ()
    """Names of keys that may search it beside the owner; '*' for all."""

    _around: Around = PrivateAttr(default=Around())

    @abstractmethod
    def connect(self, name: str) -> Retriever:
        """Once, when it is searched for the first time, and again after that failed.

        Args:
            name: of the store, as the file has it.
        """

    @property
    def certificates(self) -> Path | None:
        """Authorities to trust beside the system's."""
        return self._around.certificates

    def secret(self, variable: str | None, file: Path | None) -> str:
        """What this variable of the environment holds, or this file; '' where neither is named.

        Raises:
            SettingsError: it is not there, or others can read the file. Never says what it holds.
        """
        found = secret(self._around.environment, variable, file and self.folder / file.expanduser())
        if found.why:
            raise self.mistake("", found.why, found.hint)
        return found.text

    def within(self, around: Around) -> Self:
        """A copy that looks there."""
        copy = self.model_copy()
        copy._around = around
        return copy


class KeyedEntry(Entry):
    """Of a service that may want a key."""

    api_key_env: Variable | None = None
    """A variable of the environment that holds the key."""
    api_key_file: Path | None = None
    """Holds the key alone; relative to the folder of `grounding.yaml`."""

    @model_validator(mode="after")
    def _one_place_for_the_key(self) -> Self:
        if self.api_key_env and self.api_key_file:
            raise ValueError("api_key_env and api_key_file are both given; keep one")
        return self

    def key(self) -> str:
        """'' where none is named.

        Raises:
            SettingsError: it is not there, or others can read the file.
        """
        return self.secret(self.api_key_env, self.api_key_file)

    def service(self, name: str, url: str, key_header: str) -> Service:
        """The one at this address, which is asked with the key.

        Args:
            name: of the store.
            key_header: in small letters; `authorization` takes the key as a bearer's.

        Raises:
            MissingExtra: httpx is not installed.
            SettingsError: the certificates cannot be read. A key that is not there is told when asked.
        """

        def headers() -> Mapping[str, str]:
            key = self.key()
            if not key:
                return {}
            return {key_header: f"Bearer {key}" if key_header == "authorization" else key}

        return Service(name, url, headers=headers, certificates=self.certificates)


def _address(text: str) -> str:
    scheme, host = parse_api_address(text, key_field="api_key_file")
    if scheme == "http" and not _is_near(host):
        raise ValueError("questions and keys go beyond the own network by https:// alone")
    return text.rstrip("/")


def _is_near(host: str) -> bool:
    """A name without a dot is one of the own network, or of a container beside this one."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".lan", ".home.arpa"))


Address = Annotated[str, AfterValidator(_address)]
"""http(s)://host[:port][/path], without an end slash; plain http only in the own network."""
