"""A figure described: the question put to a model that sees, and what is taken from its answer."""

from __future__ import annotations

import json
from typing import Any

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.images import Picture, image_part
from kanoa_mlops.gateway.usage import Usage, find_usage

# The person's question stays out of it: a model that knows the question answers it instead of describing,
# the reasoner then repeats that, and the description would serve no other question.
PROMPT = """\
Describe this figure for a reader who cannot see it and has to reason about it. Plain text, short lines, \
facts only:
- the kind of figure, the number of panels, the title
- each axis: label, unit, linear or logarithmic, first and last value
- each series: its name in the legend, colour or marker, its course, its values at the start, the end and \
turning points
- the highest and the lowest value, and where they are
- anomalies: gaps, outliers, jumps, crossings, large error bars
- words and numbers printed in the figure, as they stand there
Read values off the axes and write "about" before those between two ticks. Write "not readable" for what \
cannot be read. Do not guess, interpret or conclude. If it is no chart, say likewise what it shows."""
LONGEST_ANSWER = 800  # tokens; a chart with several series takes 200 to 500
_LONGEST_TEXT = 16_000  # characters, for an engine that does not heed the tokens


class NotDescribed(Exception):
    """The message says what the model did instead."""


def question(backend: Backend, picture: Picture) -> dict[str, Any]:
    """The request that has `backend` describe the picture."""
    content = [image_part(picture.data, picture.media_type), {"type": "text", "text": PROMPT}]
    return {
        "model": backend.engine_model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": min(LONGEST_ANSWER, backend.context_tokens // 4),
        "temperature": 0,
    }


def parse(answer: bytes, backend: Backend) -> tuple[str, Usage]:
    """The description with a first line that says what it is, and what it cost.

    Raises:
        NotDescribed: no chat answer, or one without words.
    """
    try:
        choice = json.loads(answer)["choices"][0]
        text, finish = choice["message"]["content"], choice.get("finish_reason")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise NotDescribed("gave no answer in the form of a chat") from error
    if not isinstance(text, str) or not text.strip():
        raise NotDescribed("answered without a word")
    lines = [f"Description of the figure by {backend.model} (the figure itself was not seen):"]
    lines.append(text.strip()[:_LONGEST_TEXT])
    if finish == "length" or len(text.strip()) > _LONGEST_TEXT:
        lines.append("(The description was cut here.)")
    return "\n".join(lines), find_usage(answer) or Usage(0, 0)
