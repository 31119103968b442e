"""kanoa-mlops: the hardware you have, as a private OpenAI-compatible endpoint."""

__version__ = "0.1.0"
