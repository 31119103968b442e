"""Around a chat completion that is to stand on documents: searched for, answered, told what it cites."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.body import Asked
from kanoa_mlops.gateway.describe import Describer
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.figures import FigureReader
from kanoa_mlops.gateway.grounded.asking import Asking, with_fields
from kanoa_mlops.gateway.grounded.figure_texts import FigureTexts
from kanoa_mlops.gateway.grounded.grounds import Grounds
from kanoa_mlops.gateway.grounded.searching import Searched, Searching
from kanoa_mlops.gateway.grounded.way import Send, Way
from kanoa_mlops.gateway.grounded.wish import Wish, read_wish
from kanoa_mlops.gateway.guest import Guest
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.http.response import Answer
from kanoa_mlops.gateway.limits import Limits
from kanoa_mlops.grounding.archive import Reader
from kanoa_mlops.grounding.asking.fence import Fence


@dataclass(frozen=True)
class Grounding:
    asking: Asking | None
    """Without one nothing is kept here."""
    limits: Limits

    async def answer(
        self,
        request: Request,
        exchange: Exchange,
        guest: Guest,
        asked: Asked,
        pool: Sequence[Backend],
        send: Send,
    ) -> Answer:
        """
        Args:
            pool: who may answer, the nearest first.

        Raises:
            ApiError: 400 for what makes no sense, and as the search or the engine failed.
        """
        wish, fields = read_wish(asked.fields)
        plain = with_fields(asked, fields)
        if wish is None:
            return await send(request, plain, "")
        if self.asking is None:
            raise _nothing_kept(wish)
        exchange.grounds = grounds = Grounds(wish, Fence(os.urandom(6).hex()), _base(request.headers))
        way = Way(self.asking, self.limits, request, exchange, Reader(guest.id), grounds, pool, send)
        if wish.mode == "auto" and any(each.near and each.abilities.tools for each in pool):
            return await way.auto(plain)
        if wish.mode == "auto":
            grounds.warnings.append(f"{exchange.model} calls no tools here: searched first, as with 'always'")
        return await way.always(plain)

    def close(self) -> None:
        if self.asking:
            self.asking.searching.close()


def make_grounding(
    library: Searched | None, figures: FigureReader | None, describer: Describer, limits: Limits
) -> Grounding:
    """`library` is what is searched; without one whoever asks for it is refused."""
    if library is None:
        return Grounding(None, limits)
    return Grounding(Asking(Searching(library), FigureTexts(figures, describer)), limits)


def _base(headers: Mapping[str, str]) -> str:
    """This gateway's address as the client knows it; what a proxy before it says of TLS is taken."""
    scheme = headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    host = headers.get("host", "localhost")
    return f"{scheme if scheme in ('http', 'https') else 'http'}://{host}"


def _nothing_kept(wish: Wish) -> ApiError:
    return ApiError(
        404,
        "This gateway keeps no documents. Its owner installs what reads and finds them: "
        'pip install "kanoa-mlops[grounding]", and starts it again.',
        code="no_library",
        param=f"{wish.searches[0].param}.vector_store_ids",
    )
