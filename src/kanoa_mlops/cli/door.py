"""The front door on a port, as `serve` and `gateway` open it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from kanoa_mlops import __version__
from kanoa_mlops.cli.documents import served_documents
from kanoa_mlops.cli.tracing import tracing
from kanoa_mlops.gateway.app import make_app
from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.holding import Loader
from kanoa_mlops.gateway.hosts import is_loopback
from kanoa_mlops.gateway.http.proxy import proxies_of
from kanoa_mlops.gateway.http.way import WayOut
from kanoa_mlops.gateway.ocr import OcrReader, ocr_missing
from kanoa_mlops.gateway.reception import Reception
from kanoa_mlops.gateway.server import Gateway, start_gateway
from kanoa_mlops.runtime.ports import port_taken
from kanoa_mlops.settings import Settings, environment


@asynccontextmanager
async def open_door(
    settings: Settings,
    backends: Backends,
    host: str,
    port: int,
    reception: Reception | None,
    loader: Loader | None = None,
) -> AsyncIterator[Gateway]:
    """Listening. Whoever opened it stops it before they leave, as what stands behind it must outlive it.

    Raises:
        PortTaken: somebody else listens there.
    """
    # Loaded with the first figure that needs it: most never come, and it takes a second and 60 MiB.
    figures = None if ocr_missing() else OcrReader()
    async with AsyncExitStack() as stack:
        if figures is not None:
            stack.callback(figures.close)
        documents = await stack.enter_async_context(served_documents(settings, backends, loader))
        app = make_app(
            backends,
            figures=figures,
            max_body_bytes=settings.max_body_bytes,
            version=__version__,
            reception=reception,
            loader=loader,
            out=way_out(settings),
            traces=stack.enter_context(tracing(environment())),
            documents=documents,
            # Beyond loopback any name may lead here; on loopback a foreign one is a page that rebinds
            # DNS.
            allowed_hosts=() if is_loopback(host) else None,
        )
        try:
            gateway = await start_gateway(app, host, port)
        except OSError as error:
            raise port_taken(host, port) from error
        yield gateway


def way_out(settings: Settings) -> WayOut:
    """As the environment and the person say."""
    return WayOut(proxies_of(environment()), settings.certificates)
