"""Which files of the hub a set of weights is made of. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from kanoa_mlops.catalog.query import nearest_names
from kanoa_mlops.catalog.types import ListedFile, Listing, Weights
from kanoa_mlops.catalog.types.weights import Role
from kanoa_mlops.errors import CatalogError, SourceFailed
from kanoa_mlops.units import format_bytes
from kanoa_mlops.weights.pin import PIN_NAME, PinnedFile, holds, tensors_size
from kanoa_mlops.weights.repository import Repository

# Of a snapshot, what engines read: tensors, configuration, vocabulary in all its forms, chat template, and
# the code of models that bring their own. Not the same tensors in older formats, nor what lies in folders.
_NEEDED = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken", "*.py", "tokenizer*")
_NOT_NEEDED = ("consolidated*", "*.bin", "*.pt", "*.pth", "*.onnx", "*.md", PIN_NAME)


def choose(
    weights: Weights, listing: Listing, repositories: Mapping[str, Repository]
) -> tuple[PinnedFile, ...]:
    """The files, in the listing's order or by name.

    Args:
        repositories: by name, every one that the listing names.

    Raises:
        SourceFailed: a file is not there, or has another size than is listed.
        CatalogError: the listing does not say which files.
    """
    if listing.files:
        chosen = tuple(_listed(file, repositories[file.repo or listing.repo]) for file in listing.files)
        _require_names_of_their_own(chosen)
        return chosen
    if weights.format != "safetensors":
        raise CatalogError(
            f"The weights {weights.name} of {listing.repo} name no files, which only safetensors may do.",
            hint="List them under `files` in the catalog entry.",
        )
    return _snapshot(listing, repositories[listing.repo])


def _listed(listed: ListedFile, repository: Repository) -> PinnedFile:
    if listed.path not in repository.files:
        near = nearest_names(listed.path, repository.files)
        raise SourceFailed(
            f"Hugging Face {repository.name} has no {listed.path} at commit {repository.commit[:12]}.",
            hint=f"It has {', '.join(near)}." if near else "",
        )
    file = _pinned(listed.path, listed.role, repository)
    if listed.size not in (None, file.size):
        raise _other_size(f"{listed.path} of", file.size, listed.size or 0, repository)
    return file


def _snapshot(listing: Listing, repository: Repository) -> tuple[PinnedFile, ...]:
    chosen = tuple(
        _pinned(path, "model", repository) for path in sorted(filter(_is_needed, repository.files))
    )
    if not tensors_size(chosen):
        raise SourceFailed(
            f"Hugging Face {repository.name} holds no safetensors at commit {repository.commit[:12]}."
        )
    if listing.size is not None and not holds(chosen, listing.size):
        raise _other_size("the tensors of", tensors_size(chosen), listing.size, repository)
    return chosen


def _is_needed(path: str) -> bool:
    return (
        "/" not in path
        and any(fnmatchcase(path, pattern) for pattern in _NEEDED)
        and not any(fnmatchcase(path, pattern) for pattern in _NOT_NEEDED)
    )


def _pinned(path: str, role: Role, repository: Repository) -> PinnedFile:
    file = repository.files[path]
    return PinnedFile(
        name=PurePosixPath(path).name,
        role=role,
        repo=repository.name,
        revision=repository.commit,
        path=path,
        size=file.size,
        sha256=file.sha256,
        git_blob=file.git_blob,
    )


def _other_size(what: str, found: int, listed: int, repository: Repository) -> SourceFailed:
    return SourceFailed(
        f"Hugging Face gives {what} {repository.name} as {found} bytes ({format_bytes(found)}), the catalog "
        f"as {listed} bytes ({format_bytes(listed)}): what was planned is not what would be fetched.",
        hint="The publisher may have changed it. Update kanoa-mlops, or correct `size` in your entry.",
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
