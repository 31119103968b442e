"""Beyond the owner's machines: when a request goes there, what it may cost, and that the books are right."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from kanoa_mlops.gateway.backends import Backend, granted
from kanoa_mlops.gateway.books.budget import Cap, Payer, Period
from kanoa_mlops.gateway.books.totals import Dimension
from kanoa_mlops.gateway.burst.grant import Grant
from kanoa_mlops.gateway.days import next_day, time_of
from kanoa_mlops.gateway.guest import Guest
from kanoa_mlops.gateway.line import Terms
from kanoa_mlops.gateway.policy.backend import FREE, Abilities, Price
from kanoa_mlops.gateway.purse import Purse
from kanoa_mlops.gateway.reception import Reception
from tests.fakes import provider as hub
from tests.fakes.engine import FakeEngine
from tests.fakes.provider import FakeProvider
from tests.gateway.conftest import Answer, Door, OpenDoor, backend, chat
from tests.gateway.test_leaving import until
from tests.gateway.test_metrics import samples
from tests.gateway.test_pools import Crowd, code, said
from tests.gateway.test_reception import Office, bearer, office

__all__ = ["office"]  # the fixture

CHAT = "/v1/chat/completions"
PRICE = Price(Decimal(hub.PROMPT_PRICE) / 1000, Decimal(hub.ANSWER_PRICE) / 1000)
ROOM = 131_072


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as running:
        yield running


def hosted(provider: FakeProvider | FakeEngine, **changes: Any) -> Backend:
    values: dict[str, Any] = {
        "id": "hugging-face",
        "model": "smollm2",
        "provider": "Hugging Face Inference",
        "base_url": provider.url,
        "name": "openai/gpt-oss-120b:novita",
        "price": PRICE,
        "abilities": Abilities(ROOM, sees=False, tools=True, structured=True),
        "limits": {},
        "headers": {},
        "key": hub.KEY,
        "micro_per_day": 10**6,
    }
    return granted(Grant(**values | changes))


class Scene:
    """One small engine of our own, one hosted model, and the books."""

    def __init__(self, door: Door, engine: FakeEngine, office: Office) -> None:
        self.door, self.office = door, office
        self.crowd = Crowd(door, engine)

    async def ask(self, burst: str = "", key: str = "", **fields: Any) -> Answer:
        headers = {"x-kanoa-burst": burst} if burst else {}
        headers |= bearer(key) if key else {}
        asked = {"max_tokens": 100, **fields}
        return await self.door.post(CHAT, chat("hi", **asked), headers=headers)

    def booked(self) -> dict[str, tuple[int, int, int, int]]:
        """Of each tier: requests, prompt and answer tokens, micro-dollars."""
        return {
            each.group[0]: (each.requests, each.prompt_tokens, each.completion_tokens, each.micro)
            for each in self.office.totals(Dimension.TIER)
        }


@pytest.fixture
async def scene(
    engine: FakeEngine, provider: FakeProvider, open_door: OpenDoor, office: Office
) -> AsyncIterator[Scene]:
    made = await a_scene(engine, open_door, office, hosted(provider))
    yield made
    await made.crowd.go()


async def a_scene(
    engine: FakeEngine, open_door: OpenDoor, office: Office, *beyond: Backend, caps: tuple[Cap, ...] = ()
) -> Scene:
    door = await open_door(
        backend(engine.url, slots=1),
        *beyond,
        reception=Reception(office.books, False, Purse(office.books, caps, after_seconds=0.2)),
        terms=Terms(queue_seconds=1.0),
    )
    return Scene(door, engine, office)


async def test_it_stays_where_there_is_room(scene: Scene, provider: FakeProvider) -> None:
    answer = await scene.ask()
    assert [answer.headers[f"x-kanoa-{name}"] for name in ("tier", "cost-usd")] == ["local", "0"]
    assert provider.asked == 0


@pytest.mark.parametrize("stream", [True, False])
async def test_it_leaves_where_the_wait_is_long_and_says_so(
    scene: Scene, provider: FakeProvider, stream: bool
) -> None:
    await scene.crowd.hold()
    usage: dict[str, Any] = {"stream_options": {"include_usage": True}} if stream else {}
    answer = await scene.ask(stream=stream, **usage)
    told = {name.removeprefix("x-kanoa-"): value for name, value in answer.headers.items() if "kanoa" in name}
    assert (told["backend"], told["tier"], told["engine"]) == (
        "hugging-face",
        "hosted",
        "Hugging Face Inference",
    )
    micro = -(-provider.micro // 1)
    if stream:
        # The most that it could be: what the prompt has in bytes, and 100 tokens of an answer.
        assert float(told["cost-usd-at-most"]) * 1e6 >= micro > 0
    else:
        assert told["cost-usd"] == f"{micro / 1e6:.6f}"
    assert scene.booked()["hosted"] == (1, provider.answered[0]["prompt_tokens"], 4, micro)
    found = await samples(scene.door)
    assert found['kanoa_burst_total{reason="burst_wait"}'] == 1
    assert found["kanoa_burst_cost_usd_total"] == pytest.approx(micro / 1e6)


async def test_what_is_sent_there_has_their_key_their_name_and_nothing_of_ours(
    scene: Scene, provider: FakeProvider
) -> None:
    answer = await scene.ask(burst="require")
    assert (answer.status, said(answer), provider.refused) == (200, "hosted", [])
    assert hub.KEY not in answer.text + str(answer.headers)
    assert hub.KEY not in (await scene.door.get("/status")).text + (await scene.door.get("/metrics")).text


async def test_a_request_may_forbid_it(scene: Scene, provider: FakeProvider) -> None:
    await scene.crowd.hold()
    answer = await scene.ask(burst="never")
    assert (answer.status, code(answer), provider.asked) == (429, "queue_timeout", 0)
    wrong = await scene.ask(burst="maybe")
    assert (wrong.status, json.loads(wrong.text)["error"]["param"]) == (400, "x-kanoa-burst")


async def test_a_key_wants_the_right(scene: Scene, provider: FakeProvider) -> None:
    plain, trusted = scene.office.key("ann"), scene.office.key("bob", may_burst=True)
    refused = await scene.ask(burst="require", key=plain)
    assert (refused.status, code(refused)) == (400, "burst_not_allowed")
    assert provider.asked == 0
    assert (await scene.ask(burst="require", key=trusted)).status == 200


async def test_back_home_when_there_is_room_again(scene: Scene) -> None:
    await scene.crowd.hold()
    assert (await scene.ask()).headers["x-kanoa-tier"] == "hosted"
    await scene.crowd.go()
    assert (await scene.ask()).headers["x-kanoa-tier"] == "local"


def test_what_is_less_is_said_to_begin_anew_first_though_something_of_it_is_left(office: Office) -> None:
    """Of a day's few cents and a month's many dollars, it is the day that one waits for."""
    caps = Cap(Payer.ALL, Period.DAY, 10), Cap(Payer.ALL, Period.MONTH, 10**9)
    left = Purse(office.books, caps).left(Guest())
    assert (left.dollars, left.renewed_at) == (Decimal("0.00001"), next_day(time.time()))


@pytest.mark.parametrize("whose", ["backend", "all", "key"])
async def test_no_budget_is_ever_exceeded(
    engine: FakeEngine, provider: FakeProvider, open_door: OpenDoor, office: Office, whose: str
) -> None:
    budget = 200
    scene = await a_scene(
        engine,
        open_door,
        office,
        hosted(provider, micro_per_day=budget if whose == "backend" else 10**9),
        caps=(Cap(Payer.ALL, Period.DAY, budget),) if whose == "all" else (),
    )
    key = office.key(may_burst=True, micro_per_day=budget) if whose == "key" else ""
    answers = await asyncio.gather(*(scene.ask(burst="require", key=key) for _ in range(40)))
    good = [each for each in answers if each.status == 200]
    assert 0 < len(good) < 40
    assert provider.micro <= budget
    refused = next(each for each in answers if each.status != 200)
    assert (refused.status, code(refused)) in ((429, "budget_spent"), (503, "model_exhausted"))
    assert int(refused.headers["retry-after"]) > 1
    # In words what the header says in seconds.
    assert time_of(next_day(time.time())) in json.loads(refused.text)["error"]["message"]
    booked = scene.booked()["hosted"]
    assert booked[0] >= len(good)
    assert booked[1:3] == tuple(
        sum(each[n] for each in provider.answered) for n in ("prompt_tokens", "completion_tokens")
    )
    assert provider.micro <= booked[3] <= provider.micro + len(good)  # each rounded up


@pytest.mark.parametrize(
    ("limits", "status", "state", "reason", "words"),
    [
        ({"credit_micro": 0}, 402, "exhausted", "HTTP 402", "You have depleted your monthly included"),
        ({"per_minute": 0}, 429, "rate_limited", "its limit is reached", "Rate limit reached for requests"),
    ],
)
async def test_who_refuses_is_left_alone_and_costs_nothing(
    engine: FakeEngine,
    open_door: OpenDoor,
    office: Office,
    caplog: pytest.LogCaptureFixture,
    limits: dict[str, Any],
    status: int,
    state: str,
    reason: str,
    words: str,
) -> None:
    async with FakeProvider(**limits) as provider:
        scene = await a_scene(engine, open_door, office, hosted(provider))
        first = await scene.ask(burst="require")
        assert first.status in (429, 503)
        again = await scene.ask(burst="require")
        assert (again.status, code(again)) == (503, f"model_{state}")
        assert reason in again.text and words not in again.text
        assert provider.refused == [status]
        assert scene.booked().get("hosted", (0, 0, 0, 0))[3] == 0
        told = json.loads((await scene.door.get("/status")).text)["backends"][1]
        assert (told["state"], told["reason"]) == (state, reason)  # their words are the owner's alone
        found = f"requests find hugging-face {state.replace('_', ' ')}: {reason}: {words}"
        [logged] = [each for each in caplog.messages if each.startswith("requests find")]
        assert logged.startswith(found)
        assert told["seconds_left"] > 30
        assert office.books.left((Cap(Payer.BACKEND, Period.DAY, 100),), backend="hugging-face") == 100


async def test_of_two_the_other_answers(
    engine: FakeEngine, provider: FakeProvider, open_door: OpenDoor, office: Office
) -> None:
    async with FakeProvider(credit_micro=0) as poor:
        scene = await a_scene(
            engine,
            open_door,
            office,
            hosted(poor, id="poor", price=Price(Decimal(0), Decimal("0.01"))),
            hosted(provider),
        )
        answer = await scene.ask(burst="require")
        told = [answer.headers[f"x-kanoa-{name}"] for name in ("backend", "attempts")]
        assert (answer.status, told) == (200, ["hugging-face", "2"])


async def test_a_wrong_key_is_the_owners_to_mend(
    engine: FakeEngine, provider: FakeProvider, open_door: OpenDoor, office: Office
) -> None:
    scene = await a_scene(engine, open_door, office, hosted(provider, key="hf_old"))
    assert (await scene.ask(burst="require")).status == 502
    assert (await scene.ask(burst="require")).status == 503
    assert provider.refused == [401]
    scene.door.backends.put(hosted(provider))
    assert (await scene.ask(burst="require")).status == 200


async def test_what_is_free_has_limits_and_they_are_kept(
    engine: FakeEngine, provider: FakeProvider, open_door: OpenDoor, office: Office
) -> None:
    beyond = hosted(provider, price=FREE, limits={"requests_per_day": 2}, micro_per_day=None)
    scene = await a_scene(engine, open_door, office, beyond)
    statuses = [(await scene.ask(burst="require")).status for _ in range(4)]
    assert statuses == [200, 200, 503, 503]
    assert provider.asked == 2
    assert scene.booked()["hosted"][3] == 0


async def test_an_image_goes_to_none_that_cannot_see(
    engine: FakeEngine, provider: FakeProvider, open_door: OpenDoor, office: Office
) -> None:
    image = {"url": "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()}
    parts = [{"type": "image_url", "image_url": image}, {"type": "text", "text": "hi"}]
    messages = [{"role": "user", "content": parts}]
    blind = await a_scene(engine, open_door, office, hosted(provider))
    answer = await blind.ask(messages=messages)
    assert (answer.status, code(answer)) == (400, "images_not_supported")
    seeing = Abilities(ROOM, sees=True, tools=True, structured=True)
    scene = await a_scene(engine, open_door, office, hosted(provider, abilities=seeing))
    assert (await scene.ask(messages=messages)).headers["x-kanoa-tier"] == "hosted"
    refused = await scene.ask(messages=messages, burst="never")
    assert (refused.status, code(refused)) == (400, "images_not_supported")
    assert engine.received == []


async def test_without_books_nothing_leaves(
    engine: FakeEngine, provider: FakeProvider, open_door: OpenDoor
) -> None:
    door = await open_door(backend(engine.url), hosted(provider))
    answer = await door.post(CHAT, chat("hi"), headers={"x-kanoa-burst": "require"})
    assert (answer.status, code(answer), provider.asked) == (400, "burst_not_allowed", 0)


async def test_a_client_that_leaves_pays_for_what_was_begun(scene: Scene, provider: FakeProvider) -> None:
    provider.seconds = 60
    asking = asyncio.create_task(scene.ask(burst="require"))
    await until(lambda: provider.asked == 1)
    asking.cancel()
    await until(lambda: scene.booked().get("hosted", (0,))[0] == 1)
    requests, prompt, answer, micro = scene.booked()["hosted"]
    assert (requests, answer) == (1, 0)
    assert prompt > 0
    assert micro > 0


async def test_only_what_providers_know_leaves_and_tokens_are_counted_whoever_cares(
    scene: Scene, provider: FakeProvider
) -> None:
    answer = await scene.ask(
        burst="require", stream=True, chat_template_kwargs={"thinking": True}, store=True
    )
    assert sorted(provider.fields[0]) == ["max_tokens", "messages", "model", "stream", "stream_options"]
    assert '"usage"' not in answer.text
    assert answer.text.count("data: ") == 3
    await until(lambda: "hosted" in scene.booked())
    assert scene.booked()["hosted"][2] == provider.answered[0]["completion_tokens"]
    wants = await scene.ask(burst="require", stream=True, stream_options={"include_usage": True})
    assert wants.text.count('"usage"') == 1


async def test_several_answers_cost_several_times(scene: Scene) -> None:
    costs = [
        (await scene.ask(burst="require", stream=True, n=n)).headers["x-kanoa-cost-usd-at-most"]
        for n in (1, 4)
    ]
    one, four = (float(each) * 1e6 for each in costs)
    assert four - one == pytest.approx(3 * 100 * hub.ANSWER_PRICE / 1000, abs=2)
