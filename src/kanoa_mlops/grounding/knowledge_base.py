"""What kanoa asks for grounding: collections behind a gateway, as kanoa 0.6 knows its knowledge bases."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import openai
from kanoa.knowledge_base.base import BaseKnowledgeBase
from openai.types import VectorStoreSearchResponse

from kanoa_mlops.errors import RetrieverFailed, UnknownCollection
from kanoa_mlops.grounding.figure import figure_words
from kanoa_mlops.grounding.library.merging import merged
from kanoa_mlops.grounding.types import Passage

_NOTHING_SAID = "relevant information"
"""What kanoa 0.6 asks for where the person gave neither context nor focus (core/interpreter.py)."""
_MOST_CHARACTERS = 4000
_log = logging.getLogger(__name__)


class KnowledgeBase(BaseKnowledgeBase):  # type: ignore[misc]
    """For `AnalyticsInterpreter(grounding_mode="rag_engine", knowledge_base=KnowledgeBase("papers"))`.

    kanoa takes an error as nothing found and goes on without saying so; this one never raises while it
    retrieves, is bounded in time, and keeps what it found and what went wrong.
    """

    last_sources: list[dict[str, Any]]
    """Of the last `retrieve`. Who streams finds them here: kanoa's chunks do not carry them."""
    last_query: str
    """What was searched for."""
    last_error: str
    """Why nothing was found, or not everywhere; empty where all went well."""

    def __init__(
        self,
        *names: str,
        url: str = "http://127.0.0.1:8000/v1",
        api_key: str = "none",
        top_k: int = 5,
        similarity_threshold: float = 0.0,
        filters: dict[str, Any] | None = None,
        seconds: float = 10.0,
    ) -> None:
        """
        Args:
            names: collections, by name or id.
            url: of the gateway, with `/v1`.
            similarity_threshold: scores below, of 0 to 1, are left out.
            filters: OpenAI's, on the documents' attributes.
            seconds: for all of one retrieval.
        """
        if not names:
            raise UnknownCollection(
                "No collection is named.", hint='KnowledgeBase("papers"); kanoa-mlops ground list shows all'
            )
        self.names = names
        self.top_k = top_k
        self.last_sources, self.last_query, self.last_error = [], "", ""
        self._seconds = seconds
        self._options: dict[str, Any] = {"filters": filters} if filters else {}
        if similarity_threshold:
            self._options["ranking_options"] = {"score_threshold": similarity_threshold}
        self._client = openai.OpenAI(base_url=url, api_key=api_key, timeout=seconds, max_retries=1)
        self._seen: ContextVar[str] = ContextVar("seen", default="")

    @property
    def corpus_name(self) -> str:
        return self.names[0]

    def retrieve(self, query: str) -> list[dict[str, Any]]:
        """At most `top_k` dicts of text, score, source_uri and chunk_id; none where something failed.

        The figure that is being looked at, see `seeing`, is searched for with the query.
        """
        said = "" if query.strip() == _NOTHING_SAID else query
        self.last_query = f"{said}\n{self._seen.get()}".strip()[:_MOST_CHARACTERS]
        self.last_sources, self.last_error = [], ""
        if not self.last_query:
            self._failed("there is nothing to search for: give context or focus, or use kb.interpret(...)")
            return []
        self.last_sources = [_as_kanoa_has_it(passage) for passage in self._search(self.last_query)]
        return self.last_sources

    @contextmanager
    def seeing(self, figure: Any) -> Iterator[KnowledgeBase]:
        """While inside, whatever is retrieved is also searched for by the figure's own words.

        kanoa 0.6 never shows the figure to its knowledge base, and its title and labels are what finds the
        document that explains it.
        """
        token = self._seen.set(figure_words(figure))
        try:
            yield self
        finally:
            self._seen.reset(token)

    def interpret(self, interpreter: Any, fig: Any = None, data: Any = None, **others: Any) -> Any:
        """`interpreter.interpret(fig, data, …)`, with the figure, or else the table, searched for too."""
        with self.seeing(data if fig is None else fig):  # kanoa retrieves before it returns, streaming or not
            return interpreter.interpret(fig=fig, data=data, **others)

    def create_corpus(self) -> str:
        """The id of the collection, made where there is none.

        Raises:
            RetrieverFailed: the gateway was not reached, or refused.
        """
        with _told():
            found = self._find()
            return found or self._client.vector_stores.create(name=self.corpus_name).id

    def get_corpus(self) -> str:
        """
        Raises:
            UnknownCollection: there is none.
            RetrieverFailed: the gateway was not reached, or refused.
        """
        with _told():
            found = self._find()
        if found is None:
            raise UnknownCollection(
                f"There is no collection {self.corpus_name!r}.",
                hint=f"kanoa-mlops ground add {self.corpus_name} FOLDER, or create_corpus()",
            )
        return found

    def import_files(self, path: str | Path) -> None:
        """Uploads a file, or what lies in a folder, and waits until it can be found.

        Raises:
            RetrieverFailed: the gateway was not reached, or refused; or files could not be read, by name.
        """
        given = Path(path).expanduser()
        files = sorted(each for each in given.rglob("*") if each.is_file()) if given.is_dir() else [given]
        corpus, failed = self.create_corpus(), []
        for each in files:
            with _told():
                done = self._client.vector_stores.files.upload_and_poll(vector_store_id=corpus, file=each)
            if done.last_error:
                failed.append(f"{each.name}: {done.last_error.message}")
        if failed:
            raise RetrieverFailed(f"{len(failed)} of {len(files)} were not taken in. {'; '.join(failed)}")

    def delete_corpus(self) -> None:
        """With all that it holds.

        Raises:
            UnknownCollection: there is none.
            RetrieverFailed: the gateway was not reached, or refused.
        """
        corpus = self.get_corpus()
        with _told():
            self._client.vector_stores.delete(corpus)

    def _find(self) -> str | None:
        try:
            return self._client.vector_stores.retrieve(self.corpus_name).id
        except openai.NotFoundError:
            return None

    def _search(self, query: str) -> Sequence[Passage]:
        until, lists = time.monotonic() + self._seconds, []
        for name in self.names:
            try:
                lists.append(self._search_one(name, query, until - time.monotonic()))
            except Exception as error:  # whatever it is, kanoa would swallow it
                self._failed(f"{name}: {_words(error)}")
        return merged(lists, self.top_k) if len(lists) != 1 else lists[0]

    def _search_one(self, name: str, query: str, seconds: float) -> list[Passage]:
        if seconds <= 0:
            raise TimeoutError(f"the {self._seconds:g} s were used up")
        client = self._client.with_options(timeout=seconds, max_retries=0)
        page = client.vector_stores.search(name, query=query, max_num_results=self.top_k, **self._options)
        return [_passage(name, each) for each in page.data]

    def _failed(self, why: str) -> None:
        self.last_error = f"{self.last_error}; {why}".removeprefix("; ")
        _log.warning("Not grounded: %s", why)


@contextmanager
def _told() -> Iterator[None]:
    """
    Raises:
        RetrieverFailed: in place of the client's errors.
    """
    try:
        yield
    except openai.OpenAIError as error:
        raise RetrieverFailed(
            f"The gateway said no: {_words(error)}", hint="kanoa-mlops status shows what is served"
        ) from None


def _words(error: Exception) -> str:
    if isinstance(error, openai.APIConnectionError):
        return f"nothing answers at {error.request.url.copy_with(query=None)}"
    body = getattr(error, "body", None)
    return str(body["message"]) if isinstance(body, dict) and body.get("message") else str(error)


def _passage(name: str, found: VectorStoreSearchResponse) -> Passage:
    more: dict[str, Any] = (found.model_extra or {}).get("kanoa") or {}  # of our own gateways
    return Passage(
        text="\n".join(part.text for part in found.content),
        source=found.filename if more.get("source") in (None, found.file_id) else more["source"],
        score=found.score,
        chunk_id=more.get("chunk_id") or "",
        page=more.get("page"),
        file_id=found.file_id,
        store=name,
    )


def _as_kanoa_has_it(passage: Passage) -> dict[str, Any]:
    """kanoa reads all four keys, and formats the score as a number."""
    return {
        "text": passage.text,
        "score": passage.score or 0.0,
        "source_uri": passage.source + (f"#page={passage.page}" if passage.page else ""),
        "chunk_id": passage.chunk_id or passage.file_id,
    }
