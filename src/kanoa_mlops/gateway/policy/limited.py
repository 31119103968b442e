"""Until when a provider refuses, from what it sends with a 429.

Retry-After is the standard (RFC 9110). Groq and OpenAI send `x-ratelimit-reset-requests: 2m59.56s` and
`-tokens`, Cerebras and SambaNova the same by `-minute` and `-day`, in seconds or like Groq, OpenRouter
`X-RateLimit-Reset` in milliseconds since 1970, within the error. Each stands beside how much is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from kanoa_mlops.gateway.policy.moment import Moment
from kanoa_mlops.gateway.policy.outcome import Outcome

_RESET = re.compile(r"x-ratelimit-reset(?P<what>-.+)?")
_NUMBER = r"(\d{1,6}(?:\.\d{1,12})?)"
_DURATION = re.compile("".join(f"(?:{_NUMBER}{unit})?" for unit in ("d", "h", "m(?!s)", "s", "ms")))
_DAILY = re.compile(r"\bper[- ]day\b|\bdaily\b|\((?:TPD|RPD)\)", re.IGNORECASE)
_SHORTEST_DAY = timedelta(minutes=1)
"""A Retry-After below this is not believed of a limit by day."""
_EPOCH_SECONDS, _EPOCH_MILLISECONDS = 1e9, 1e12


def limited_until(outcome: Outcome, moment: Moment) -> datetime | None:
    """When it takes requests again; None where it does not say."""
    retry = retry_after(outcome, moment)
    reset = _reset(outcome, moment)
    if not is_daily(outcome):
        return retry or reset
    if retry and retry - moment.wall < _SHORTEST_DAY:
        retry = None
    return retry or reset or moment.midnight()


def retry_after(outcome: Outcome, moment: Moment) -> datetime | None:
    """What the standard header says, in seconds or as a date."""
    text = outcome.header("retry-after")
    if seconds := _seconds(text):
        return moment.wall + timedelta(seconds=seconds)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(date, moment.wall)


def is_daily(outcome: Outcome) -> bool:
    """A limit of the day was met, whatever else was."""
    if _DAILY.search(outcome.message):
        return True
    return any(what.endswith("-day") and left == 0 for what, left in _left(outcome))


def _reset(outcome: Outcome, moment: Moment) -> datetime | None:
    """The last of the limits that are used up; where none says so, the first that begins anew."""
    left = dict(_left(outcome))
    resets = {
        match["what"] or "": time
        for name in outcome.header_names
        if (match := _RESET.fullmatch(name)) and (time := _time(outcome.header(name), moment))
    }
    used_up = [time for what, time in resets.items() if left.get(what) == 0]
    return max(used_up) if used_up else min(resets.values(), default=None)


def _left(outcome: Outcome) -> Iterator[tuple[str, float]]:
    """What is limited ('-tokens-day', or '' where it has no name) and how much of it is left."""
    for name in outcome.header_names:
        if name.startswith("x-ratelimit-remaining") and (left := _number(outcome.header(name))) is not None:
            yield name.removeprefix("x-ratelimit-remaining"), left


def _time(text: str, moment: Moment) -> datetime | None:
    number = _number(text)
    if number is not None and number >= _EPOCH_SECONDS:
        return _date(number / 1000 if number >= _EPOCH_MILLISECONDS else number)
    seconds = _seconds(text)
    return moment.wall + timedelta(seconds=seconds) if seconds else None


def _date(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _seconds(text: str) -> float | None:
    """'30', '7.66s', '2m59.56s' or '150ms'; None where it is none of these, or nothing."""
    if (number := _number(text)) is not None:
        return number if 0 < number < _EPOCH_SECONDS else None
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        return None
    days, hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds + milliseconds / 1000 or None


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\s*\d{1,18}(\.\d{1,12})?\s*", text) else None
