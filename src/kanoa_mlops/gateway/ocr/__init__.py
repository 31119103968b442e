"""Reads the text of a figure by OCR, with the engine of the `figures` extra."""

from kanoa_mlops.gateway.ocr.available import ocr_available, ocr_missing
from kanoa_mlops.gateway.ocr.fragments import read_fragments
from kanoa_mlops.gateway.ocr.reader import OcrReader

__all__ = ["OcrReader", "ocr_available", "ocr_missing", "read_fragments"]
