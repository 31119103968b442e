"""Money that is set aside slowly, so that something may happen meanwhile."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from kanoa_mlops.gateway.books.refusal import Refusal
from kanoa_mlops.gateway.books.reservation import Reservation
from tests.gateway.test_reception import Office


class Slowly:
    """In place of the books' own `reserve`, from now on."""

    def __init__(self, office: Office, patches: pytest.MonkeyPatch) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self.made: list[Reservation | Refusal] = []
        self._reserve = office.books.reserve
        patches.setattr(office.books, "reserve", self)

    def __call__(self, *asked: Any, **named: Any) -> Reservation | Refusal:
        self.begun.set()
        assert self.go.wait(60)
        self.made.append(self._reserve(*asked, **named))
        return self.made[0]
