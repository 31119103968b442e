"""Images for models that see, for models that do not, and images that are none."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import Answer, Door, NotedReader, OpenDoor, backend

PNG = b"\x89PNG" + bytes(range(200))
URL = "data:image/png;base64," + base64.b64encode(PNG).decode()
CHAT = "/v1/chat/completions"
REMOTE_REFUSED = (
    "Addresses are never fetched on a request's behalf. Send the content itself, for example "
    "data:image/png;base64,..."
)


NOT_BASE64 = "An image must be sent as data:image/png;base64,... with its bytes in base64."
CUT_BASE64 = (
    "The image is not valid base64: Invalid base64-encoded string: "
    "number of data characters (5) cannot be 1 more than a multiple of 4."
)
NO_URL = "'image_url' must be a URL, or an object with one under 'url'."


def figure(url: str = URL) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def asked(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    content = [*parts, {"type": "text", "text": "What is this?"}]
    return {"model": "smollm2", "messages": [{"role": "user", "content": content}], **fields}


def error(answer: Answer) -> tuple[int, str, str, str]:
    value = json.loads(answer.text)["error"]
    return answer.status, value["code"], value["param"], value["message"]


@pytest.fixture
async def reading(engine: FakeEngine, open_door: OpenDoor) -> Door:
    return await open_door(backend(engine.url), figures=NotedReader())


@pytest.fixture
async def seeing(engine: FakeEngine, open_door: OpenDoor) -> Door:
    return await open_door(backend(engine.url, sees=True), figures=NotedReader())


@pytest.mark.parametrize(
    "part",
    [
        figure(),
        figure(URL.replace("data:", "DATA:")),
        figure(URL[:60] + "\n" + URL[60:]),
        {"type": "image_url", "image_url": URL},
        {"type": "image_url", "image_url": {"url": URL, "detail": "high"}},
        {"type": "input_image", "image_url": URL},
        {"image_url": URL},
    ],
)
async def test_a_figure_becomes_text(reading: Door, engine: FakeEngine, part: dict[str, Any]) -> None:
    answer = await reading.post(CHAT, asked(part, seed=7, temperature=0.7))
    assert answer.status == 200
    assert answer.headers["x-kanoa-figure"] == "ocr"
    assert engine.received[0].fields == {
        "model": "smollm2",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "[figure of 204 bytes]"},
                    {"type": "text", "text": "What is this?"},
                ],
            }
        ],
        "seed": 7,
        "temperature": 0.7,
    }
    metrics = (await reading.get("/metrics")).text
    assert "kanoa_figure_read_seconds_count 1.0" in metrics


async def test_text_parts_pass_as_they_are(reading: Door, engine: FakeEngine) -> None:
    raw = json.dumps(asked(), indent=3).encode()
    answer = await reading.post(CHAT, data=raw)
    assert engine.received[0].body == raw
    assert "x-kanoa-figure" not in answer.headers


async def test_a_model_that_sees_gets_the_figure_itself(seeing: Door, engine: FakeEngine) -> None:
    raw = json.dumps(asked(figure()), indent=3).encode()
    answer = await seeing.post(CHAT, data=raw)
    assert engine.received[0].body == raw
    assert "x-kanoa-figure" not in answer.headers


@pytest.mark.parametrize("sees", [True, False])
@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (figure("http://169.254.169.254/latest"), "image_url"),
        (figure("file:///etc/passwd"), "image_url"),
        ({"type": "image_url", "image_url": "HTTPS://example.com/a.png"}, "image_url"),
        ({"type": "video_url", "video_url": {"url": "http://10.0.0.1/film"}}, "video_url"),
        ({"type": "text", "text": "hi", "image_url": "http://10.0.0.1/"}, "image_url"),
    ],
)
async def test_nothing_is_fetched_for_a_request(
    sees: bool, part: dict[str, Any], kind: str, engine: FakeEngine, open_door: OpenDoor
) -> None:
    door = await open_door(backend(engine.url, sees=sees), figures=NotedReader())
    answer = await door.post(CHAT, asked(part))
    param = f"messages[0].content[0].{kind}"
    assert error(answer) == (400, "remote_content_refused", param, REMOTE_REFUSED)
    assert engine.received == []


async def test_nothing_is_fetched_for_an_embedding(seeing: Door, engine: FakeEngine) -> None:
    answer = await seeing.post("/v1/embeddings", asked(figure("http://10.0.0.1/")))
    assert (answer.status, engine.received) == (400, [])


async def test_fetching_can_be_allowed_to_engines_that_see(engine: FakeEngine, open_door: OpenDoor) -> None:
    served = backend(engine.url, sees=True), backend(engine.url, model="blind", aliases=())
    door = await open_door(*served, figures=NotedReader(), allow_remote_images=True)
    remote = asked(figure("https://example.com/a.png"))
    assert (await door.post(CHAT, remote)).status == 200
    assert (await door.post(CHAT, remote | {"model": "blind"})).status == 400


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (figure("data:image/png,plain"), NOT_BASE64),
        (figure("data:image/png;base64,!!!!"), "The image is not valid base64: Only base64 data is allowed."),
        (figure("data:image/png;base64,iVBOR"), CUT_BASE64),
        (figure("data:image/png;base64,aGVsbG8="), "This is no PNG."),
        (figure(""), NO_URL),
        ({"type": "image_url"}, NO_URL),
        ({"type": "input_image", "file_id": "f1"}, NO_URL),
        ({"type": "image_url", "image_url": 5}, NO_URL),
    ],
)  # fmt: skip
async def test_what_is_no_image(reading: Door, part: dict[str, Any], message: str) -> None:
    answer = await reading.post(CHAT, asked(part))
    assert error(answer) == (400, "invalid_image", "messages[0].content[0].image_url", message)


@pytest.mark.parametrize("sees", [True, False])
async def test_too_many_images(sees: bool, engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url, sees=sees), figures=NotedReader())
    assert (await door.post(CHAT, asked(*[figure()] * 8))).status == 200
    answer = await door.post(CHAT, asked(*[figure()] * 9))
    message = "The request has 9 images; at most 8 are taken."
    assert error(answer) == (400, "too_many_images", "messages[0].content[8].image_url", message)


@pytest.mark.parametrize(("other_sees", "named"), [(True, "qwen-vl"), (False, "none")])
async def test_without_a_reader_the_way_out_is_named(
    engine: FakeEngine, open_door: OpenDoor, other_sees: bool, named: str
) -> None:
    door = await open_door(backend(engine.url), backend(engine.url, model="qwen-vl", sees=other_sees))
    answer = await door.post(CHAT, asked(figure()), headers={"x-kanoa-figure": "read"})
    assert error(answer) == (
        400,
        "images_not_supported",
        "messages[0].content[0].image_url",
        "smollm2 cannot see images, and nothing is installed here to read their text. "
        f"Served models that see: {named}. To have the text of figures read: "
        "pip install 'kanoa-mlops[figures]' and start the server again.",
    )
