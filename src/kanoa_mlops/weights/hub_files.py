"""Small files of a repository, and the headers of its large ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kanoa_mlops.catalog.foreign.gguf_header import GgufHeader, read_gguf
from kanoa_mlops.catalog.foreign.tensors import StoredTensor, header_length, read_header
from kanoa_mlops.errors import SourceFailed
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.remote_file import RemoteFile
from kanoa_mlops.weights.repository_card import RepositoryCard, open_file
from kanoa_mlops.weights.web import Web

_LONGEST_JSON = 2**23


@dataclass(frozen=True)
class HubFiles:
    """Every method raises SourceFailed where the hub does not give the file, and UnknownModel where it has
    none of that name."""

    card: RepositoryCard
    settings: Settings
    web: Web

    def json(self, path: str, *, limit: int = _LONGEST_JSON) -> Mapping[str, Any]:
        with self._open(path) as file:
            body = file.read_whole(limit)
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise SourceFailed(f"{self.card.repo}: {path} is not valid JSON.") from error
        if not isinstance(document, dict):
            raise SourceFailed(f"{self.card.repo}: {path} should hold an object.")
        return document

    def safetensors_header(self, path: str) -> tuple[StoredTensor, ...]:
        with self._open(path) as file:
            length = header_length(file.read_exactly(8), path)
            return read_header(file.read_exactly(length), path)

    def gguf_header(self, path: str) -> GgufHeader:
        with self._open(path) as file:
            return read_gguf(file, path)

    def _open(self, path: str) -> RemoteFile:
        return open_file(self.card, path, self.settings, self.web)
