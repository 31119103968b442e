"""Files to documents, and a folder to a collection that mirrors it."""

from kanoa_mlops.grounding.ingest.chunking import Chunking
from kanoa_mlops.grounding.ingest.file_reader import FileReader, read_file
from kanoa_mlops.grounding.ingest.limits import Limits
from kanoa_mlops.grounding.ingest.pictures import FigureReader, PageReader

__all__ = ["Chunking", "FigureReader", "FileReader", "Limits", "PageReader", "read_file"]
