"""Files to documents, and a folder to a collection that mirrors it."""

from kanoa_mlops.grounding.ingest.chunking import Chunking
from kanoa_mlops.grounding.ingest.figures import describe_figures
from kanoa_mlops.grounding.ingest.file_reader import FileReader, read_file
from kanoa_mlops.grounding.ingest.limits import Limits
from kanoa_mlops.grounding.ingest.mirror import MirrorReport, mirror
from kanoa_mlops.grounding.ingest.pictures import FigureReader, PageReader
from kanoa_mlops.grounding.ingest.vectors import embed_missing, embedded_text
from kanoa_mlops.grounding.ingest.walk import Skipped
from kanoa_mlops.grounding.ingest.watch import watch

__all__ = [
    "Chunking",
    "FigureReader",
    "FileReader",
    "Limits",
    "MirrorReport",
    "PageReader",
    "Skipped",
    "describe_figures",
    "embed_missing",
    "embedded_text",
    "mirror",
    "read_file",
    "watch",
]
