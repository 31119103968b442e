"""LlamaIndex's own client asks for an answer that stands on documents: prints what it understood, as JSON.

By hand: `.venv-llamaindex/bin/python tests/llamaindex/grounded.py http://127.0.0.1:8000/v1 tiny papers`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike


def main(address: str, model: str, store: str) -> None:
    one = OpenAILike(
        model=model,
        api_base=address,
        api_key="EMPTY",
        is_chat_model=True,
        context_window=4096,
        max_retries=0,
        additional_kwargs={"tools": [{"type": "file_search", "vector_store_ids": [store]}]},
    )
    asked = [ChatMessage(role="user", content="Why does the sensor drift in May?")]
    whole: Any = one.chat(asked)
    print(
        json.dumps(
            {
                "whole": str(whole.message.content),
                "cited": whole.raw.choices[0].message.context["citations"][0],
                "status": whole.raw.grounding["status"],
                "streamed": "".join(piece.delta or "" for piece in one.stream_chat(asked)),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
