"""The real clients against a real server: kanoa, openai, and what bad requests get."""

from __future__ import annotations

import base64
import http.client
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import openai
import pandas
import pytest
from kanoa import AnalyticsInterpreter

from kanoa_mlops.cli.demo import draw_projectile
from kanoa_mlops.runtime.ports import free_port
from tests.conftest import MODEL, PROGRAM

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, weights_file: Path) -> Iterator[int]:
    """One server for all tests of this file."""
    port = free_port()
    environment = os.environ | {"KANOA_MLOPS_STATE_DIR": str(tmp_path_factory.mktemp("state"))}
    serve: list[str | Path] = [
        PROGRAM,
        "serve",
        MODEL,
        "-d",
        "--offline",
        "--port",
        str(port),
        "--context",
        "4096",
    ]
    subprocess.run(serve, check=True, capture_output=True, timeout=120, env=environment)
    yield port
    stop: list[str | Path] = [PROGRAM, "stop", "--port", str(port)]
    subprocess.run(stop, check=True, capture_output=True, timeout=60, env=environment)


@pytest.fixture
def client(port: int) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="local", max_retries=0) as made:
        yield made


@pytest.fixture
def interpreter(port: int) -> Any:
    return AnalyticsInterpreter(
        backend="openai",
        api_base=f"http://127.0.0.1:{port}/v1",
        model=MODEL,
        api_key="local",
        max_tokens=60,
        temperature=0.0,
    )


def post(port: int, body: bytes, path: str = "/v1/chat/completions") -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_kanoa_interprets_a_figure_streaming(interpreter: Any) -> None:
    figure = draw_projectile()
    chunks = list(interpreter.interpret(fig=figure, focus="What is the title?", display_result=False))
    plt.close(figure)
    text = "".join(chunk.content for chunk in chunks if chunk.type == "text")
    usage = chunks[-1].usage
    # Words that only the picture holds.
    assert "projectile" in text.lower()
    assert usage is not None
    assert usage.input_tokens > 150
    assert 0 < usage.output_tokens <= 60


def test_kanoa_interprets_a_figure_in_one_piece(interpreter: Any) -> None:
    figure = draw_projectile()
    result = interpreter.interpret(fig=figure, focus="What are the axes?", stream=False, display_result=False)
    plt.close(figure)
    assert any(word in result.text.lower() for word in ("height", "time", "projectile"))
    assert result.usage is not None
    assert result.usage.output_tokens > 0
    assert interpreter.get_cost_summary()["total_tokens"]["output"] == result.usage.output_tokens


def test_kanoa_interprets_a_table(interpreter: Any) -> None:
    table = pandas.DataFrame({"city": ["Oslo", "Rome"], "rain_mm": [760, 800]})
    result = interpreter.interpret(data=table, stream=False, display_result=False)
    assert result.text
    assert result.usage is not None


def test_kanoa_without_v1_in_its_address(port: int) -> None:
    interpreter = AnalyticsInterpreter(
        backend="vllm", api_base=f"http://127.0.0.1:{port}", model="smollm2", api_key="local", max_tokens=8
    )
    result = interpreter.interpret(data="1 2 3", stream=False, display_result=False)
    assert result.text
    assert result.usage is not None


def test_openai_streams_and_counts(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "Say hello."}]
    whole = client.chat.completions.create(model=MODEL, messages=messages, max_tokens=8, temperature=0)
    assert whole.usage is not None
    chunks = list(
        client.chat.completions.create(
            model=MODEL,
            messages=messages,
            max_tokens=8,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert chunks[-1].usage.prompt_tokens == whole.usage.prompt_tokens


def test_openai_completes_text(client: openai.OpenAI) -> None:
    answer = client.completions.create(model=MODEL, prompt="Once upon a", max_tokens=4)
    assert answer.choices[0].text
    assert answer.usage is not None


def test_the_models_say_how_figures_reach_them(client: openai.OpenAI) -> None:
    [model] = client.models.list().data
    assert model.id == MODEL
    told = model.to_dict()["kanoa"]
    assert isinstance(told, dict)
    assert (told["figures"], told["state"], told["context_tokens"]) == ("reads", "ready", 4096)
    assert client.models.retrieve("HuggingFaceTB/SmolLM2-135M-Instruct").id == MODEL


def test_the_answer_says_how_the_figure_came(client: openai.OpenAI, tmp_path: Path) -> None:
    figure = draw_projectile()
    figure.savefig(tmp_path / "figure.png")
    plt.close(figure)
    picture = base64.b64encode((tmp_path / "figure.png").read_bytes()).decode()
    content: Any = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}},
        {"type": "text", "text": "What is the title?"},
    ]
    messages: Any = [{"role": "user", "content": content}]
    answer = client.chat.completions.with_raw_response.create(model=MODEL, messages=messages, max_tokens=8)
    assert answer.headers["x-kanoa-figure"] == "ocr"
    assert answer.headers["x-kanoa-model"] == MODEL


def test_a_prompt_longer_than_the_context_gets_both_numbers(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "word " * 6000}], max_tokens=8
        )
    assert caught.value.code == "context_length_exceeded"
    assert "4096" in str(caught.value)
    assert "6030" in str(caught.value) or "6031" in str(caught.value)


def test_an_unknown_model_gets_the_names_there_are(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match=MODEL):
        client.chat.completions.create(model="gpt-7", messages=[{"role": "user", "content": "hi"}])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"\xff\xfe", 400),
        (b'{"model": 7, "messages": []}', 400),
        (b'{"messages": "hi"}', 400),
        (b'{"messages": [{"role": "user", "content": "hi"}], "max_tokens": "x"}', 400),
        (b'{"messages": [{"role": "user", "content": "hi"}], "stream": "yes"}', 400),
        (
            b'{"messages": [{"role": "user", "content": [{"type": "image_url", '
            b'"image_url": {"url": "data:image/png;base64,aGVsbG8="}}]}]}',
            400,
        ),
        (
            b'{"messages": [{"role": "user", "content": [{"type": "image_url", '
            b'"image_url": {"url": "http://127.0.0.1/x.png"}}]}]}',
            400,
        ),
    ],
)
def test_bad_requests_get_the_envelope(port: int, body: bytes, status: int) -> None:
    got, document = post(port, body)
    assert got == status
    assert set(document["error"]) >= {"message", "type", "param", "code", "source"}
    assert document["error"]["message"]
    assert post(port, b'{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}')[0] == 200


def test_a_body_of_300_megabytes_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "x" * (300 * 2**20)}], max_tokens=1
        )
    assert caught.value.status_code == 413


def test_unknown_paths_and_methods_get_the_envelope(port: int) -> None:
    assert post(port, b"{}", "/v1/nothing")[0] == 404
    assert post(port, b"{}", "/v1/models")[0] == 405
    assert post(port, b'{"model": "smollm2", "input": "hi"}', "/v1/embeddings")[0] == 400
