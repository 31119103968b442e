"""What the routes of files and vector stores say where no library is joined."""

from __future__ import annotations

from collections.abc import Mapping

from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.answering import Handler
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.http.response import Answer


def closed() -> Mapping[tuple[str, str], Handler]:
    return dict.fromkeys(routes.LIBRARY, _refuse)


async def _refuse(request: Request, exchange: Exchange) -> Answer:
    raise ApiError(
        404,
        "This gateway keeps no documents. Its owner installs what reads and finds them: "
        'pip install "kanoa-mlops[grounding]", and starts it again.',
        code="no_library",
    )
