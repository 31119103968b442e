"""LlamaIndex's own client, unchanged, before a gateway: prints what it understood, as JSON.

By hand: `.venv-llamaindex/bin/python tests/llamaindex/asking.py http://127.0.0.1:8000/v1 tiny FIGURE.png`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel


class Trend(BaseModel):
    rises: bool


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def said(text: str) -> list[ChatMessage]:
    return [ChatMessage(role="user", content=text)]


def llm(address: str, model: str, **more: Any) -> OpenAILike:
    return OpenAILike(
        model=model,
        api_base=address,
        api_key="EMPTY",
        is_chat_model=True,
        is_function_calling_model=True,
        context_window=4096,
        max_retries=0,
        **more,
    )


async def later(one: OpenAILike) -> str:
    pieces = await one.astream_chat(said("hi"))
    return "".join([piece.delta or "" async for piece in pieces])


def called(one: OpenAILike) -> list[Any]:
    tools = [FunctionTool.from_defaults(add)]
    answer = one.chat_with_tools(tools, user_msg="call a tool")
    calls = one.get_tool_calls_from_response(answer)
    return [[call.tool_name, call.tool_kwargs] for call in calls]


def failure(one: OpenAILike, text: str) -> list[str]:
    try:
        for _ in one.stream_chat(said(text)):
            pass
    except Exception as error:  # whichever it is, the test looks at it
        return [type(error).__name__, str(error)]
    return ["none", ""]


def main(address: str, model: str, figure: str) -> None:
    one = llm(address, model)
    seen = [ChatMessage(role="user", blocks=[ImageBlock(path=Path(figure)), TextBlock(text="What rises?")])]
    trend = llm(address, model, should_use_structured_outputs=True).structured_predict(
        Trend, PromptTemplate("say json")
    )
    print(
        json.dumps(
            {
                "whole": str(one.chat(said("hi")).message.content),
                "streamed": "".join(piece.delta or "" for piece in one.stream_chat(said("hi"))),
                "later": asyncio.run(later(one)),
                "tools": called(one),
                "structured": trend.model_dump(),
                "image": str(one.chat(seen).message.content),
                "no such model": failure(llm(address, "tinny"), "hi"),
                "too long": failure(one, "too long"),
                "cut": failure(one, "cut mid-event"),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
