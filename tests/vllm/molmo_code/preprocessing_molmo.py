"""Stands for the code in Molmo's repository on the hub: the same numbers for an image cut into one tile.

It is copied beside the small checkpoint and run there by transformers, as theirs is.
"""

from __future__ import annotations

from typing import Any

import numpy
import torch
from PIL import Image
from transformers import BaseImageProcessor, BatchFeature, ProcessorMixin

_CROPS = 2
"""The whole image, and its one tile."""


class MolmoImageProcessor(BaseImageProcessor):  # type: ignore[misc]
    """Keeps what `preprocessor_config.json` says."""

    def patches(self, image: Any) -> torch.Tensor:
        """One row a patch of the image as large as a tile."""
        side, patch = self.base_image_input_size[0], self.image_patch_size
        scaled = numpy.asarray(Image.fromarray(numpy.asarray(image)).convert("RGB").resize((side, side)))
        rows = (scaled / 255).reshape(side // patch, patch, side // patch, patch, 3).swapaxes(1, 2)
        return torch.from_numpy(rows.reshape(-1, patch * patch * 3).astype(numpy.float32))


class MolmoProcessor(ProcessorMixin):  # type: ignore[misc]
    def __init__(self, image_processor: Any = None, tokenizer: Any = None) -> None:
        super().__init__(image_processor, tokenizer)

    def get_tokens_input(self, prompt: str, message_format: str, always_start_with_space: bool) -> list[int]:
        assert message_format == "none"
        tokens: list[int] = self.tokenizer.encode(" " * always_start_with_space + prompt)
        return tokens

    def process(self, tokens: list[int] | None = None, images: Any = None, **_: Any) -> BatchFeature:
        first = self.tokenizer.convert_tokens_to_ids("<|endoftext|>")
        made: dict[str, Any] = {"input_ids": torch.tensor([first, *(tokens or [])])}
        if images is not None:
            crops = [self.image_processor.patches(each) for each in images for _ in range(_CROPS)]
            told = self.image_processor.image_token_length_w * self.image_processor.image_token_length_h
            made["images"] = torch.stack(crops)
            made["image_masks"] = torch.ones(made["images"].shape[:2])
            made["image_input_idx"] = torch.arange(_CROPS * told).repeat(len(images)).reshape(-1, told)
        return BatchFeature(made)
