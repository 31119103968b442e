"""Vertex AI RAG Engine by its published answers; Google was not asked."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kanoa_mlops.errors import BadFilter, RetrieverFailed
from kanoa_mlops.grounding.filters import parse_filter
from kanoa_mlops.grounding.types import Passage
from tests.grounding.connectors.provider import Answer, Provider
from tests.grounding.connectors.recorded import KEY, recorded, store

CORPUS = "projects/lab/locations/europe-west4/ragCorpora/77"
GOOD = Answer(recorded("vertex_contexts"))


def entry(provider: Provider, **more: Any) -> dict[str, Any]:
    return {"provider": "vertex", "corpus": CORPUS, "endpoint": provider.url} | more


def test_a_published_answer_is_understood() -> None:
    with Provider(GOOD) as provider, store(entry(provider, api_key_env="LAB_KEY")) as lab:
        assert lab.search("How much does it drift?", k=2) == [
            Passage(
                text="The drift is below 0.2 K a month.",
                source="gs://lab/calibration.pdf",
                score=0.31,
                chunk_id="2345",
                title="calibration.pdf",
                page=3,
                file_id="1234",
                store="lab",
            ),
            Passage("Without a page.", "notes.txt", 0.42, title="notes.txt", store="lab"),
        ]
    [asked] = provider.asked
    assert asked.path == "/v1/projects/lab/locations/europe-west4:retrieveContexts"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.body == {
        "vertexRagStore": {"ragResources": [{"ragCorpus": CORPUS}]},
        "query": {"text": "How much does it drift?", "ragRetrievalConfig": {"topK": 2}},
    }


def test_a_filter_goes_along_in_cel() -> None:
    parts = [{"type": "eq", "key": "year", "value": 2024}, {"type": "eq", "key": "month", "value": "May"}]
    filters = parse_filter({"type": "and", "filters": parts})
    more = {"api_key_env": "LAB_KEY", "vector_distance_threshold": 0.5}
    with Provider(GOOD) as provider, store(entry(provider, **more)) as lab:
        lab.search("x", filters=filters)
    assert provider.asked[0].body["query"]["ragRetrievalConfig"] == {
        "topK": 5,
        # The example of Google's own page about it.
        "filter": {"metadataFilter": '(year == 2024 && month == "May")', "vectorDistanceThreshold": 0.5},
    }


def test_what_cel_cannot_say_is_not_asked() -> None:
    with (
        Provider(GOOD) as provider,
        store(entry(provider, api_key_env="LAB_KEY")) as lab,
        pytest.raises(BadFilter, match="no way to name"),
    ):
        lab.search("x", filters=parse_filter({"type": "eq", "key": "x || true", "value": 1}))
    assert provider.asked == []


@pytest.mark.parametrize("body", [{}, {"contexts": {}}])
def test_nothing_found_is_an_answer(body: object) -> None:
    with Provider(Answer(body)) as provider, store(entry(provider, api_key_env="LAB_KEY")) as lab:
        assert lab.search("x") == []


@pytest.mark.parametrize("body", [[], {"contexts": []}, {"contexts": {"contexts": [1]}}])
def test_what_is_none_is_a_failure(body: object) -> None:
    with (
        Provider(Answer(body)) as provider,
        store(entry(provider, api_key_env="LAB_KEY")) as lab,
        pytest.raises(RetrieverFailed, match="no contexts"),
    ):
        lab.search("x")


def test_google_auth_finds_who_one_is_and_is_asked_once_an_hour(tmp_path: Path) -> None:
    """The real google-auth with an account's real key, before a token service that is ours."""
    token = Answer({"access_token": "ya29.made", "expires_in": 3600, "token_type": "Bearer"})
    with Provider(token) as google, Provider(GOOD) as provider, store(entry(provider)) as lab:
        account = tmp_path / "account.json"
        account.write_text(json.dumps(service_account(google.url)))
        os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(account)
        lab.search("x")
        lab.search("y")
    assert [each.headers["authorization"] for each in provider.asked] == ["Bearer ya29.made"] * 2
    assert len(google.asked) == 1


def test_who_is_nobody_is_told_how_to_become_somebody(tmp_path: Path) -> None:
    os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(tmp_path / "none.json")
    with (
        Provider(GOOD) as provider,
        store(entry(provider)) as lab,
        pytest.raises(RetrieverFailed, match="no access token") as caught,
    ):
        lab.search("x")
    assert "gcloud auth application-default login" in caught.value.hint
    assert provider.asked == []


def service_account(token_address: str) -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": "lab",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": "lab@lab.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": token_address,
    }
