"""The collections of a machine and the stores it is bound to, and who may see which of them."""

from kanoa_mlops.grounding.library.bound import Bound
from kanoa_mlops.grounding.library.found import Found
from kanoa_mlops.grounding.library.library import Library

__all__ = ["Bound", "Found", "Library"]
