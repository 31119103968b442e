"""A place at a backend for one request: taken when it is sent there, left when it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Self

from kanoa_mlops.gateway.account import Account
from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.policy.allowance import tokens_of
from kanoa_mlops.gateway.policy.ask import Ask
from kanoa_mlops.gateway.policy.decision import Send, Why
from kanoa_mlops.gateway.policy.moment import Moment
from kanoa_mlops.gateway.policy.outcome import Outcome
from kanoa_mlops.gateway.post import Post


@dataclass
class Seat:
    """Wants to be left, however it went: it is a context."""

    ask: Ask
    post: Post
    backend: Backend
    """As it was when the request was sent."""
    why: Why
    most_usd: Decimal
    """What the request can cost there at most."""
    left: Callable[[], None]
    """Is called once it is free again."""
    account: Account | None = None
    """What was charged for it."""
    sent: bool = False
    """The request went out, or may have: nobody knows better than the provider what of it counts."""
    began: float = field(default_factory=time.monotonic)
    tokens: int | None = None
    """Of prompt and answer, once they are counted."""
    _open: bool = True

    def met(self, outcome: Outcome) -> None:
        """It failed there, and how."""
        self.sent = self.sent and outcome.fault != "connect"
        if self.account is self.post.account:  # else the owner has set another key
            self.post.met(outcome, moment())

    def answered(self) -> None:
        self.post.took(time.monotonic() - self.began)
        if not self.post.is_fresh:
            self.post.met(Outcome(200), moment())

    def leave(self) -> None:
        if self._open:
            self._open = False
            self.post.leave()
            if self.account:
                self._settle(self.account)
            self.left()

    def _settle(self, account: Account) -> None:
        charged, wall = tokens_of(self.ask), moment().wall
        if not self.sent:
            account.give_back(charged, wall)
        elif self.tokens is not None:
            account.settle(charged, self.tokens, wall)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()


def take(ask: Ask, post: Post, send: Send, left: Callable[[], None]) -> Seat:
    post.take()
    if post.account:
        post.account.charge(tokens_of(ask), moment().wall)
    return Seat(ask, post, post.backend, send.why, send.most_usd, left, post.account)


def moment() -> Moment:
    return Moment(time.monotonic(), datetime.fromtimestamp(time.time(), UTC))
