"""The owner's file, read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kanoa_mlops.gateway.burst.allowed import BurstConfig, BurstDocument
from kanoa_mlops.gateway.burst.grant import Burst
from kanoa_mlops.gateway.burst.granting import burst_of
from kanoa_mlops.gateway.burst.secret import Secrets
from kanoa_mlops.marked import Marked, read_marked
from kanoa_mlops.placed import validated

if TYPE_CHECKING:
    from kanoa_mlops.catalog.load import Catalog


def read_burst(
    path: Path,
    catalog: Catalog,
    environment: Mapping[str, str],
    hub_token_file: Path | None = None,
    taken: Collection[str] = (),
) -> Burst:
    """Without a file nothing is allowed.

    Args:
        environment: where keys are looked up.
        hub_token_file: where huggingface_hub keeps the person's token.
        taken: ids of other backends.

    Raises:
        SettingsError: the file is wrong, or an entry of it cannot be granted; names file and line.
    """
    return burst_of(read_allowed(path), catalog, Secrets(environment, hub_token_file).key_of, taken)


def read_allowed(path: Path) -> BurstConfig:
    """As it is written: neither names nor keys have been looked up.

    Raises:
        SettingsError: the file is wrong; names file and line.
    """
    return allowed_in(read_marked(path, missing_ok=True))


def allowed_in(file: Marked) -> BurstConfig:
    """
    Raises:
        SettingsError: it holds what is not understood; names file and line.
    """
    if file.document is None:
        return BurstConfig()
    return validated(file, BurstDocument).burst or BurstConfig()
