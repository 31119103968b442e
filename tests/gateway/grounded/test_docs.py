"""The page of fields shows what is answered, field by field."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from kanoa_mlops.gateway.grounded.wish import read_wish
from tests.gateway.conftest import Door
from tests.gateway.grounded.conftest import CHAT, asked

PAGE = Path(__file__).parents[3] / "docs/reference/grounding-fields.md"


def shown() -> list[Any]:
    blocks = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [json.loads(block) for block in blocks]


def shape(value: Any) -> Any:
    """Names of fields, whatever their values."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items() if name not in ("attributes", "usage")}
    return [shape(value[0])] if isinstance(value, list) and value and isinstance(value[0], dict) else None


def test_the_request_is_one() -> None:
    wish, rest = read_wish({"model": "m", "messages": [], **shown()[0]})
    assert wish is not None
    assert (wish.stores, wish.max_context_tokens, wish.on_error) == (("papers",), 2000, "error")
    assert rest == {"model": "m", "messages": []}


async def test_the_chat_completion_has_these_fields(door: Door) -> None:
    answer = json.loads((await door.post(CHAT, asked())).text)
    page = shown()[1]
    assert shape(answer["choices"]) == shape(page["choices"])
    assert shape(answer["grounding"]) == shape(page["grounding"])


async def test_the_response_has_these_fields(door: Door) -> None:
    body = {"input": "Why does the sensor drift in May?", "tools": asked()["tools"]}
    included = {"include": ["file_search_call.results"]}
    answer = json.loads((await door.post("/v1/responses", body | included)).text)
    search, said = answer["output"]
    shown_search, shown_said = shown()[3]["output"]
    assert shape(search) == shape(shown_search)
    [part], [shown_part] = said["content"], shown_said["content"]
    assert shape(part["annotations"]) == shape(shown_part["annotations"])
    assert set(shown_said) == set(said)
