"""The vocabulary of the catalog."""

from kanoa_mlops.catalog.types.architecture import Architecture, AttentionGroup, Experts
from kanoa_mlops.catalog.types.base import Source
from kanoa_mlops.catalog.types.embedding import Embedding, Kind
from kanoa_mlops.catalog.types.engine import Constant, Device, Engine, EngineId, Image, Support, Vendor
from kanoa_mlops.catalog.types.machine import Accelerator, ContainerRuntime, Link, Machine, Program, Software
from kanoa_mlops.catalog.types.measurement import LearnedRun, Measured, Measurements
from kanoa_mlops.catalog.types.model import Licence, Model, Sampling
from kanoa_mlops.catalog.types.platform import AcceleratorFacts, HostedModel, HostFacts, LinkFacts, Platform
from kanoa_mlops.catalog.types.provider import Credit, DataPolicy, Offer, Provider, TokenPrice, UseLimits
from kanoa_mlops.catalog.types.quantization import Quantization, TensorBits
from kanoa_mlops.catalog.types.vision import AreaTokens, FixedTokens, TiledTokens, Vision
from kanoa_mlops.catalog.types.weights import (
    Format,
    HubFile,
    ListedFile,
    Listing,
    LocalFile,
    Origin,
    PackageFile,
    WeightFile,
    Weights,
)

__all__ = [
    "Accelerator",
    "AcceleratorFacts",
    "Architecture",
    "AreaTokens",
    "AttentionGroup",
    "Constant",
    "ContainerRuntime",
    "Credit",
    "DataPolicy",
    "Device",
    "Embedding",
    "Engine",
    "EngineId",
    "Experts",
    "FixedTokens",
    "Format",
    "HostFacts",
    "HostedModel",
    "HubFile",
    "Image",
    "Kind",
    "LearnedRun",
    "Licence",
    "Link",
    "LinkFacts",
    "ListedFile",
    "Listing",
    "LocalFile",
    "Machine",
    "Measured",
    "Measurements",
    "Model",
    "Offer",
    "Origin",
    "PackageFile",
    "Platform",
    "Program",
    "Provider",
    "Quantization",
    "Sampling",
    "Software",
    "Source",
    "Support",
    "TensorBits",
    "TiledTokens",
    "TokenPrice",
    "UseLimits",
    "Vendor",
    "Vision",
    "WeightFile",
    "Weights",
]
