"""Stands for the file of this name in Molmo's repository on the hub."""

from transformers import PreTrainedConfig


class MolmoConfig(PreTrainedConfig):  # type: ignore[misc]
    """Keeps what `config.json` says."""

    model_type = "molmo"
