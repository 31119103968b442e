"""Vectors from the real engine through the real gateway, beside a model that chats; the real clients."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import ollama
import openai
import pytest
from numpy.typing import NDArray

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.grounding.embedding import HttpEmbedder
from kanoa_mlops.grounding.types import Space
from kanoa_mlops.runtime.ports import free_port
from kanoa_mlops.settings import load_settings
from kanoa_mlops.weights.progress import SilentProgress
from kanoa_mlops.weights.pull import pull
from tests.conftest import MODEL, PROGRAM
from tests.e2e.test_clients import post

pytestmark = pytest.mark.e2e

EMBEDDING = "all-minilm-l6-v2"
COPPER, CAT, QUESTION = (
    "Thermal conductivity of copper: 401 W/(m·K) at 300 K",
    "The cat sleeps on the sofa all afternoon.",
    "How well does copper conduct heat?",
)
LONG = " ".join(f"beam {number} bends" for number in range(400))


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog, weights_file: Path) -> Iterator[int]:
    """Both models behind one door, out of the cache alone."""
    model = catalog.models[EMBEDDING]
    [weights] = [each for each in model.weights if each.format == "gguf"]
    pull(weights, EMBEDDING, load_settings(), SilentProgress())
    port = free_port()
    environment = os.environ | {"KANOA_MLOPS_STATE_DIR": str(tmp_path_factory.mktemp("state"))}
    serve = [str(PROGRAM), "serve", MODEL, EMBEDDING, "-d", "--offline", "--port", str(port)]
    subprocess.run(serve, check=True, capture_output=True, timeout=240, env=environment)
    yield port
    stop = [str(PROGRAM), "stop", "--port", str(port)]
    subprocess.run(stop, check=True, capture_output=True, timeout=60, env=environment)


@pytest.fixture
def client(port: int) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="local", max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def embedder(port: int) -> Iterator[HttpEmbedder]:
    made = HttpEmbedder(f"http://127.0.0.1:{port}/v1", EMBEDDING)
    yield made
    made.close()


def embed(port: int, **fields: Any) -> tuple[int, dict[str, Any]]:
    return post(port, json.dumps({"model": EMBEDDING, **fields}).encode(), "/v1/embeddings")


def vectors_of(answer: Any) -> NDArray[np.float32]:
    return np.array([each.embedding for each in answer.data], dtype=np.float32)


def test_what_belongs_together_is_near(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model="embedding", input=[COPPER, CAT, QUESTION])
    copper, cat, question = vectors_of(answer)
    assert copper.shape == (384,)
    assert np.linalg.norm(copper) == pytest.approx(1, abs=1e-4)
    assert question @ copper > 0.6 > 0.2 > question @ cat
    assert answer.usage.prompt_tokens > 20


def test_base64_and_numbers_are_the_same(client: openai.OpenAI) -> None:
    # Left alone, the client asks for base64 and unpacks it; with a format it hands out what came.
    packed = vectors_of(client.embeddings.create(model=EMBEDDING, input=COPPER))
    listed = vectors_of(client.embeddings.create(model=EMBEDDING, input=COPPER, encoding_format="float"))
    assert np.allclose(packed, listed, atol=1e-6)


def test_both_models_are_told_apart(client: openai.OpenAI, port: int) -> None:
    models = {each.id: each.model_extra["kanoa"] for each in client.models.list() if each.model_extra}
    assert models[MODEL]["kind"] == "chat"
    assert models[EMBEDDING]["kind"] == "embedding"
    assert models[EMBEDDING]["vectors"]["dimensions"] == 384
    # Whoever names none gets the one that can.
    status, answer = post(port, json.dumps({"input": CAT}).encode(), "/v1/embeddings")
    assert (status, len(answer["data"])) == (200, 1)
    said = client.chat.completions.create(
        model="default", messages=[{"role": "user", "content": "hi"}], max_tokens=4
    )
    assert said.model == MODEL


@pytest.mark.parametrize(
    ("path", "fields", "instead"),
    [
        (
            "/v1/chat/completions",
            {"model": EMBEDDING, "messages": [{"role": "user", "content": "hi"}]},
            MODEL,
        ),
        ("/v1/completions", {"model": EMBEDDING, "prompt": "hi"}, MODEL),
        ("/v1/embeddings", {"model": MODEL, "input": "hi"}, EMBEDDING),
        ("/v1/rerank", {"model": MODEL, "query": "hi", "documents": ["ho"]}, "serve"),
    ],
)
def test_the_wrong_model_says_whom_to_ask(port: int, path: str, fields: dict[str, Any], instead: str) -> None:
    status, answer = post(port, json.dumps(fields).encode(), path)
    assert status == 400
    assert answer["error"]["code"] == "wrong_kind_of_model"
    assert instead in answer["error"]["message"]


def test_a_text_that_is_too_long_is_refused_or_cut_as_asked(port: int) -> None:
    status, answer = embed(port, input=["short", LONG])
    assert (status, answer["error"]["code"]) == (400, "context_length_exceeded")
    assert "512" in answer["error"]["message"] and answer["error"]["param"] == "input"
    status, cut = embed(port, input=["short", LONG], truncate_prompt_tokens=-1)
    assert (status, cut["usage"]["prompt_tokens"]) == (200, 3 + 512)
    # Its beginning, between the marks that the model puts around every text.
    _, ten = embed(port, input=LONG, truncate_prompt_tokens=10)
    _, eight = embed(port, input="beam 0 bends beam 1 bends beam 2")
    assert ten["usage"]["prompt_tokens"] == eight["usage"]["prompt_tokens"] == 10
    assert np.allclose(ten["data"][0]["embedding"], eight["data"][0]["embedding"], atol=1e-5)
    status, answer = embed(port, input="hi", truncate_prompt_tokens=0)
    assert (status, answer["error"]["param"]) == (400, "truncate_prompt_tokens")


def test_vectors_that_cannot_be_cut_are_not(port: int) -> None:
    status, answer = embed(port, input="hi", dimensions=128)
    assert (status, answer["error"]["code"]) == (400, "dimensions_not_supported")
    assert "384" in answer["error"]["message"]
    status, answer = embed(port, input="hi", dimensions=384)
    assert (status, len(answer["data"][0]["embedding"])) == (200, 384)


def test_ollamas_client_has_long_texts_cut(port: int) -> None:
    with ollama.Client(f"http://127.0.0.1:{port}") as client:
        [vector] = client.embed(EMBEDDING, LONG).embeddings
        assert len(vector) == 384
        with pytest.raises(ollama.ResponseError, match="512"):
            client.embed(EMBEDDING, LONG, truncate=False)


def test_the_embedder_keeps_the_order_of_many(embedder: HttpEmbedder) -> None:
    texts = [f"{number} kelvin" for number in range(150)]
    rows = embedder.documents(texts)
    assert rows.shape == (150, 384) and rows.dtype == np.float32
    assert embedder.space == Space(EMBEDDING, 384)
    # Batches are computed with others beside them, so the last digits differ.
    assert embedder.query("77 kelvin") @ rows[77] > 0.9999
    assert int(np.argmax(rows @ embedder.query("149 kelvin"))) == 149


def test_the_embedder_loses_nothing_of_a_long_text(embedder: HttpEmbedder) -> None:
    end = "Copper conducts heat very well."
    [whole] = embedder.documents([f"{LONG} {end}"])
    [beginning] = embedder.documents([LONG])
    about_copper = embedder.query(end)
    assert np.linalg.norm(whole) == pytest.approx(1, abs=1e-4)
    assert whole @ about_copper > beginning @ about_copper


def test_the_embedder_says_what_is_wrong(port: int) -> None:
    wrong = HttpEmbedder(f"http://127.0.0.1:{port}/v1", MODEL, key="secret-key")
    with closing(wrong), pytest.raises(RetrieverFailed, match=f"Ask {EMBEDDING}") as caught:
        wrong.query("hi")
    assert "secret-key" not in f"{caught.value!r} {wrong!r}"


def test_documents_are_found_by_meaning(port: int, tmp_path: Path, home: Path) -> None:
    """`ground add` embeds what is new, by whatever is served; what has no word in common is found then."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "copper.md").write_text(COPPER)
    (docs / "cat.md").write_text(CAT)

    def ground(*arguments: str) -> Any:
        command: list[str | Path] = [PROGRAM, "ground", *arguments, "--port", str(port), "--json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=120).stdout)

    taken = ground("add", "notes", str(docs))
    assert (taken["stats"]["embedded"], taken["advice"]) == (2, "")
    [first, *_] = ground("search", "notes", "feline resting indoors")["passages"]
    assert first["source"] == "cat.md"
    (docs / "cat.md").write_text("The dog barks.")
    again = ground("add", "notes")
    assert (again["changed"], again["stats"]["embedded"]) == (["cat.md"], 2)
    [status] = ground("status", "notes")
    assert status["space"] == {"model": EMBEDDING, "dimensions": 384}
    assert status["embedding_model_served"]
    ways = {each["way"]: each["recall"] for each in ground("eval", "notes", "--questions", asked(tmp_path))}
    assert ways == {"words": 0.0, "vectors": 1.0, "hybrid": 1.0}
    # Words alone are what is left where the model is gone; said, and no error.
    alone: list[str | Path] = [PROGRAM, "ground", "search", "notes", "copper", "--port", "1", "--json"]
    found = json.loads(subprocess.run(alone, check=True, capture_output=True, timeout=120).stdout)
    assert found["passages"][0]["source"] == "copper.md"
    assert EMBEDDING in found["warnings"]["notes"]


def asked(folder: Path) -> str:
    questions = folder / ".questions.jsonl"
    questions.write_text(json.dumps({"question": "metals that warm up fast", "source": "copper.md"}))
    return str(questions)
