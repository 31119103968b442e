"""The index of a checkpoint in several files, which is what engines go by."""

from __future__ import annotations

from pydantic import BaseModel, Field, ValidationError

from kanoa_mlops.catalog.types import HubFile
from kanoa_mlops.errors import SourceFailed
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.hub import hub_remote
from kanoa_mlops.weights.remote_file import RemoteFile
from kanoa_mlops.weights.repository import Repository
from kanoa_mlops.weights.snapshot import INDEX
from kanoa_mlops.weights.web import Web

_LARGEST = 2**27


def indexed_shards(repository: Repository, settings: Settings, web: Web) -> frozenset[str]:
    """The files that the index names; none where there is no index.

    Raises:
        SourceFailed: it cannot be had, or is none.
        AccessRefused: the hub does not give it to this person.
    """
    if INDEX not in repository.files:
        return frozenset()
    hub = HubFile(repo=repository.name, revision=repository.commit, path=INDEX)
    remote = hub_remote(hub, settings, name=INDEX, size=repository.files[INDEX].size)
    with RemoteFile(web, remote.address, f"{remote.source}: {INDEX}", remote.refused) as file:
        body = file.read_whole(_LARGEST)
    try:
        return frozenset(_Index.model_validate_json(body).weight_map.values())
    except ValidationError as error:
        raise SourceFailed(f"{remote.source}: {INDEX} is no index of shards.") from error


class _Index(BaseModel):
    weight_map: dict[str, str] = Field(min_length=1)
    """Tensor -> file."""
