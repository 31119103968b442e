"""Which files of the hub a set of weights is made of. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath

from pydantic import ValidationError

from kanoa_mlops.catalog.types import ListedFile, Listing, Weights
from kanoa_mlops.catalog.types.weights import Role
from kanoa_mlops.errors import CatalogError, SourceFailed
from kanoa_mlops.nearest import nearest_names
from kanoa_mlops.units import format_bytes
from kanoa_mlops.weights.gguf_names import part_names
from kanoa_mlops.weights.pin import PinnedFile, holds, tensors_size
from kanoa_mlops.weights.repository import Repository
from kanoa_mlops.weights.snapshot import INDEX, snapshot_files


def choose(
    weights: Weights,
    listing: Listing,
    repositories: Mapping[str, Repository],
    *,
    indexed: Collection[str] = (),
    code: bool = False,
) -> tuple[PinnedFile, ...]:
    """The files, in the listing's order or by name.

    Args:
        repositories: by name, every one that the listing names.
        indexed: of a snapshot, the shards that its index names.
        code: of a snapshot, with the Python files.

    Raises:
        SourceFailed: a file is not there, or has another size than is listed.
        CatalogError: the listing does not say which files, or not all of a model in parts.
    """
    if listing.files:
        _require_all_parts(listing)
        chosen = tuple(_listed(file, repositories[file.repo or listing.repo]) for file in listing.files)
        _require_names_of_their_own(chosen)
        return chosen
    if weights.format != "safetensors":
        raise CatalogError(
            f"The weights {weights.name} of {listing.repo} name no files, which only safetensors may do.",
            hint="List them under `files` in the catalog entry.",
        )
    return _snapshot(listing, repositories[listing.repo], indexed, code)


def _listed(listed: ListedFile, repository: Repository) -> PinnedFile:
    if listed.path not in repository.files:
        near = nearest_names(listed.path, repository.files)
        raise SourceFailed(
            f"Hugging Face {repository.name} has no {listed.path} at commit {repository.commit[:12]}.",
            hint=f"It has {', '.join(near)}." if near else "",
        )
    # Parts of one model find each other by their names in one folder.
    file = _pinned(listed.path, PurePosixPath(listed.path).name, listed.role, repository)
    if listed.size not in (None, file.size):
        raise _other_size(f"{listed.path} of", file.size, listed.size or 0, repository)
    return file


def _snapshot(
    listing: Listing, repository: Repository, indexed: Collection[str], code: bool
) -> tuple[PinnedFile, ...]:
    at = f"at commit {repository.commit[:12]}"
    if missing := sorted(set(indexed) - repository.files.keys()):
        raise SourceFailed(
            f"Hugging Face {repository.name} has no {missing[0]} {at}, which its {INDEX} names."
        )
    paths = snapshot_files(repository.files.keys(), indexed, code=code)
    if not paths:
        raise SourceFailed(f"Hugging Face {repository.name} holds no whole model in safetensors {at}.")
    chosen = tuple(_pinned(path, path, "model", repository) for path in paths)
    if listing.size is not None and not holds(chosen, listing.size):
        raise _other_size("the tensors of", tensors_size(chosen), listing.size, repository)
    return chosen


def _pinned(path: str, name: str, role: Role, repository: Repository) -> PinnedFile:
    file = repository.files[path]
    try:
        return PinnedFile(
            name=name,
            role=role,
            repo=repository.name,
            revision=repository.commit,
            path=path,
            size=file.size,
            sha256=file.sha256,
            git_blob=file.git_blob,
        )
    except ValidationError as error:
        raise SourceFailed(
            f"Hugging Face {repository.name} has a file called {path!r}, which leads out of its folder."
        ) from error


def _other_size(what: str, found: int, listed: int, repository: Repository) -> SourceFailed:
    return SourceFailed(
        f"Hugging Face gives {what} {repository.name} as {found} bytes ({format_bytes(found)}), the catalog "
        f"as {listed} bytes ({format_bytes(listed)}): what was planned is not what would be fetched.",
        hint="The publisher may have changed it. Update kanoa-mlops, or correct `size` in your entry.",
    )


def _require_all_parts(listing: Listing) -> None:
    listed = {file.path for file in listing.files}
    for path in sorted(listed):
        if missing := [part for part in part_names(path) if part not in listed]:
            raise CatalogError(
                f"{path} of {listing.repo} is one part of several, and {missing[0]} is not listed.",
                hint="List every part under `files` in the catalog entry, in their order.",
            )


def _require_names_of_their_own(files: Iterable[PinnedFile]) -> None:
    paths: dict[str, str] = {}
    for file in files:
        if file.name in paths:
            raise CatalogError(
                f"{paths[file.name]} and {file.path} would both be {file.name} on the disk.",
                hint="List only one of them in the catalog entry.",
            )
        paths[file.name] = file.path
