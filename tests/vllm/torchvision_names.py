"""Lets torchvision be imported beside a PyTorch its compiled operators were not built for.

The package index has torchvision for CUDA alone, so on the PyTorch for processors its library of operators
does not load, and importing it fails where it describes operators nobody defined. Images are only resized
and normalised here, which is plain Python: it is enough that the names exist. Calling one still fails.

Goes into the environment of the real vLLM by `make vllm`; nothing of ours imports it.
"""

from __future__ import annotations

import importlib.abc
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

_DESCRIBED = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    *(
        f"{name}(Tensor input) -> Tensor"
        for pooled in ("roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d")
        for name in (pooled, f"_{pooled}_backward")
    ),
    "qroi_align(Tensor input) -> Tensor",
)


class _BeforeTorchvision(importlib.abc.MetaPathFinder):
    """Finds nothing: it is asked first, and by then PyTorch may be imported without slowing every start."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "torchvision":
            sys.meta_path.remove(self)
            _define()
        return None


def _define() -> None:
    import torch

    names = torch.library.Library("torchvision", "DEF")
    for described in _DESCRIBED:
        names.define(described)
    torch._names_of_torchvision = names  # they go when the library object does


sys.meta_path.insert(0, _BeforeTorchvision())
