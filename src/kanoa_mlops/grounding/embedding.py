"""Vectors from any server that answers `/v1/embeddings` as OpenAI's does: our own gateway, or another."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.grounding.embedding_answer import read_vectors
from kanoa_mlops.grounding.embedding_server import EmbeddingServer, TooLong
from kanoa_mlops.grounding.numbers import numpy
from kanoa_mlops.grounding.types import Prompts, Space

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors

# Measured with llama.cpp b11549 and MiniLM on two busy cores, 2026-11-28: texts a second are the same from
# 1 to 64 a request and from one request at once to four. But a question asked meanwhile waits for what is before it: 31 s
# behind two requests of 16,000 characters, 7 s behind two of 4,000. Two, so that the engine never waits.
