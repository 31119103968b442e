"""What Prometheus sees."""

from __future__ import annotations

import re

from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import Door, OpenDoor, backend


async def samples(door: Door) -> dict[str, float]:
    """Every sample by name and labels, without the times at which series were made."""
    lines = (await door.get("/metrics")).text.splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#") and "_created" not in line]
    return {name: float(value) for name, value in pairs}


async def test_everything_is_there_at_zero(door: Door) -> None:
    found = await samples(door)
    names = {re.sub(r"_bucket.*|\{.*", "", name) for name in found}
    times = ("request_duration", "time_to_first_token", "time_per_output_token")
    assert names == {
        *(f"gen_ai_server_{time}_seconds{end}" for time in times for end in ("", "_count", "_sum")),
        "kanoa_backend_capacity",
        "kanoa_backend_requests_in_flight",
        "kanoa_backend_state",
        "kanoa_burst_cost_usd_total",
        "kanoa_burst_total",
        "kanoa_client_disconnects_total",
        "kanoa_completion_tokens_total",
        "kanoa_errors_total",
        "kanoa_figure_describe_seconds",
        "kanoa_figure_describe_seconds_count",
        "kanoa_figure_describe_seconds_sum",
        "kanoa_figure_read_seconds",
        "kanoa_figure_read_seconds_count",
        "kanoa_figure_read_seconds_sum",
        *(
            f"kanoa_library_{held}"
            for held in ("chunks", "chunks_embedded", "collections", "documents", "files_waiting")
        ),
        "kanoa_library_search_seconds",
        "kanoa_library_search_seconds_count",
        "kanoa_library_search_seconds_sum",
        "kanoa_library_searches_total",
        "kanoa_load_wait_seconds",
        "kanoa_load_wait_seconds_count",
        "kanoa_load_wait_seconds_sum",
        "kanoa_overhead_seconds",
        "kanoa_overhead_seconds_count",
        "kanoa_overhead_seconds_sum",
        "kanoa_prompt_tokens_total",
        "kanoa_queue_length",
        "kanoa_queue_seconds",
        "kanoa_queue_seconds_count",
        "kanoa_queue_seconds_sum",
        "kanoa_rejected_total",
        "kanoa_request_duration_seconds",
        "kanoa_request_duration_seconds_count",
        "kanoa_request_duration_seconds_sum",
        "kanoa_requests_in_flight",
        "kanoa_requests_total",
        "kanoa_retries_total",
        "kanoa_time_to_first_byte_seconds",
        "kanoa_time_to_first_byte_seconds_count",
        "kanoa_time_to_first_byte_seconds_sum",
    }
    assert {name for name, value in found.items() if value} == {
        'kanoa_backend_capacity{backend="smollm2",model="smollm2",tier="local"}',
        'kanoa_backend_state{backend="smollm2",model="smollm2",state="ready",tier="local"}',
    }


async def test_what_happened_is_counted(door: Door) -> None:
    await door.chat("hi")
    await door.chat("hi", stream=True, stream_options={"include_usage": True})
    await door.chat("no usage", stream=True)
    await door.chat("busy")
    await door.chat("cut mid-event", stream=True)
    await door.post("/v1/chat/completions", {"model": "made up", "messages": [{}]})
    await door.get("/made/up")
    door.backends.mark("smollm2", "down", "killed")
    found = await samples(door)
    chat = 'backend="smollm2",model="smollm2",route="/v1/chat/completions"'
    nobody = 'backend="",model="none"'
    state = 'kanoa_backend_state{backend="smollm2",model="smollm2",state='
    assert {name: found[name] for name in found if "requests_total" in name and found[name]} == {
        f'kanoa_requests_total{{{chat},status="200",tier="local"}}': 3,
        f'kanoa_requests_total{{{chat},status="502",tier="local"}}': 1,
        f'kanoa_requests_total{{{chat},status="503",tier="local"}}': 1,
        f'kanoa_requests_total{{{nobody},route="/v1/chat/completions",status="404",tier=""}}': 1,
        f'kanoa_requests_total{{{nobody},route="other",status="404",tier=""}}': 1,
    }
    assert found['kanoa_errors_total{source="engine"}'] == 1
    assert found['kanoa_errors_total{source="gateway"}'] == 3
    assert found['kanoa_prompt_tokens_total{model="smollm2"}'] == 14
    assert found['kanoa_completion_tokens_total{model="smollm2"}'] == 8
    assert found['kanoa_requests_in_flight{model="smollm2"}'] == 0
    assert found['kanoa_request_duration_seconds_count{model="smollm2"}'] == 5
    assert found['kanoa_time_to_first_byte_seconds_count{model="smollm2"}'] == 4
    assert found[state + '"ready",tier="local"}'] == 0
    assert found[state + '"down",tier="local"}'] == 1


async def test_two_gateways_in_one_process_count_apart(engine: FakeEngine, open_door: OpenDoor) -> None:
    one, two = await open_door(backend(engine.url)), await open_door(backend(engine.url))
    await one.chat("hi")
    name = 'kanoa_prompt_tokens_total{model="smollm2"}'
    assert ((await samples(one))[name], (await samples(two))[name]) == (7, 0)
