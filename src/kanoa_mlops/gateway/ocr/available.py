"""Whether figures can be read here, and if not, why."""

from __future__ import annotations

import importlib
import importlib.util

_PACKAGES = {"rapidocr_onnxruntime": "rapidocr-onnxruntime", "PIL": "pillow"}
_SYSTEM_LIBRARIES = {"libGL.so": "libgl1", "libgthread-2.0": "libglib2.0-0", "libglib-2.0": "libglib2.0-0"}


def ocr_missing() -> str:
    """Empty when what reads figures is installed, otherwise the reason and the remedy. Imports nothing."""
    for module, package in _PACKAGES.items():
        if importlib.util.find_spec(module) is None:
            return f"the package {package} is missing: pip install 'kanoa-mlops[figures]'"
    return ""


def ocr_available() -> str:
    """Empty when figures can be read here, otherwise the reason and the remedy. Imports the engine."""
    if missing := ocr_missing():
        return missing
    try:
        for module in _PACKAGES:
            importlib.import_module(module)
    except ImportError as error:
        return import_failure(str(error))
    return ""


def import_failure(words: str) -> str:
    """What to do about a library the engine could not load; opencv's wheel expects some of the system's."""
    for library, package in _SYSTEM_LIBRARIES.items():
        if library in words:
            return f"{words}: on Debian or Ubuntu, apt-get install libgl1 libglib2.0-0 (it lacks {package})"
    return f"the OCR engine does not load: {words}"
