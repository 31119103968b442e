"""Of a store that is asked with a vector: which model makes it, and where it is served."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.grounding.connectors.entry import Address, Entry, Variable
from kanoa_mlops.grounding.connectors.patience import ANSWER_SECONDS
from kanoa_mlops.grounding.embedding import HttpEmbedder
from kanoa_mlops.grounding.types import Embedder, Prompts


class EmbeddedEntry(Entry):
    """What is asked must have been made by the same model as what is kept; nobody else can know which."""

    embedding_model: str = Field(min_length=1)
    """The one whose vectors the store keeps, by the name it is served under."""
    embedding_url: Address = "http://127.0.0.1:8000/v1"
    """Whatever answers `/embeddings` as OpenAI does; unset, this machine's own gateway."""
    embedding_key_env: Variable | None = None
    embedding_key_file: Path | None = None
    embedding_prompt: str = ""
    """Written before a question, where the model's card wants it."""

    def embedder(self) -> Embedder:
        """
        Raises:
            MissingExtra: without the extra 'grounding'.
            SettingsError: the key is not there, or others can read its file.
        """
        return HttpEmbedder(
            self.embedding_url,
            self.embedding_model,
            key=self.secret(self.embedding_key_env, self.embedding_key_file),
            prompts=Prompts(query=self.embedding_prompt),
            seconds=ANSWER_SECONDS,
        )


def other_model(name: str, where: str, held: int | str, embedder: Embedder) -> RetrieverFailed:
    """To be raised.

    Args:
        where: the vectors are, as its store calls it.
        held: their dimensions.
    """
    space = embedder.space
    return RetrieverFailed(
        f"{name}: {where} holds vectors of {held} dimensions, and those of {space.model} have "
        f"{space.dimensions}: it was made with another embedding model.",
        hint="Set embedding_model to the one it was made with.",
    )
