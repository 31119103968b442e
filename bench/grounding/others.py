"""The stores beside ours, each run in an environment of its own."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.grounding.contestants.job import Job, Rankings, digest, read_rankings, write_job
from bench.grounding.environments import CACHE, environment, versions

_ROOT = Path(__file__).parents[2]
_PROGRAMS = Path(__file__).parent / "contestants"


@dataclass(frozen=True)
class Contestant:
    name: str
    module: str
    """In bench.grounding.contestants."""
    requirements: tuple[str, ...]
    packages: tuple[str, ...]
    """Those whose versions are told; none where it is Python's own."""

    def version(self) -> str:
        if not self.packages:
            return f"SQLite {sqlite3.sqlite_version}"
        found = versions(self._python(), self.packages)
        return ", ".join(f"{name} {version}" for name, version in found.items())

    def rank(self, job: Job) -> Mapping[str, Rankings]:
        """Kept, as nothing that is done to ours changes it: some take minutes.

        Raises:
            subprocess.CalledProcessError: it broke; its words are on the terminal.
        """
        program = (_PROGRAMS / f"{self.module}.py").read_text(encoding="utf-8")
        path = CACHE / "rankings" / f"{self.module}-{digest(job, self.version(), program)}.json"
        if path.exists():
            kept: dict[str, Rankings] = json.loads(path.read_text(encoding="utf-8"))
            return kept
        rankings = run(self._python(), self.module, job)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(rankings), encoding="utf-8")
        part.replace(path)
        return rankings

    def _python(self) -> Path:
        return environment(self.module.replace("_", "-"), self.requirements)


def run(python: Path, module: str, job: Job) -> Mapping[str, Rankings]:
    """A contestant's program in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="kanoa-contestant-") as given:
        folder = Path(given)
        write_job(folder, job)
        command = [str(python), "-m", f"bench.grounding.contestants.{module}", str(folder)]
        environ = {**os.environ, "PYTHONPATH": str(_ROOT)}
        subprocess.run(command, check=True, env=environ, stdout=subprocess.DEVNULL)
        return read_rankings(folder)


OTHERS = (
    Contestant(
        "LangChain",
        "langchain_memory",
        ("langchain-core>=1.7,<2", "langchain-community>=0.4", "langchain-classic>=1", "rank-bm25", "numpy"),
        ("langchain-core", "langchain-community", "rank-bm25"),
    ),
    Contestant(
        "LlamaIndex",
        "llama_index_memory",
        ("llama-index-core>=0.14,<0.15", "llama-index-retrievers-bm25"),
        ("llama-index-core", "llama-index-retrievers-bm25", "bm25s"),
    ),
    Contestant("Qdrant local", "qdrant_local", ("qdrant-client>=1.16,<2",), ("qdrant-client",)),
    Contestant("Chroma", "chroma_memory", ("chromadb>=1.5,<2", "numpy"), ("chromadb",)),
    Contestant("LanceDB", "lancedb_file", ("lancedb>=0.30", "numpy"), ("lancedb",)),
    Contestant("SQLite FTS5", "sqlite_fts5", ("numpy",), ()),
    Contestant("Haystack", "haystack_memory", ("haystack-ai>=3.4,<4", "numpy"), ("haystack-ai",)),
)
