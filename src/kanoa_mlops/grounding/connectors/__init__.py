"""Stores of passages that are kept elsewhere, each by its own protocol, named in `grounding.yaml`.

A connector is an `Entry`, registered as an entry point of the group `kanoa_mlops.connectors`: its fields are
what stands in the file, and its `connect` makes a `Retriever`.
"""

from kanoa_mlops.grounding.connectors.entry import Address, Entry, KeyedEntry
from kanoa_mlops.grounding.connectors.file import (
    Folder,
    GroundingFile,
    parse_grounding_file,
    read_grounding_file,
)
from kanoa_mlops.grounding.connectors.service import Service
from kanoa_mlops.grounding.connectors.store import Store, connect

__all__ = [
    "Address",
    "Entry",
    "Folder",
    "GroundingFile",
    "KeyedEntry",
    "Service",
    "Store",
    "connect",
    "parse_grounding_file",
    "read_grounding_file",
]
