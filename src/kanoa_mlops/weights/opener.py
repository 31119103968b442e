"""The standard library's way out, narrowed to http and https. Credentials stay at home."""

from __future__ import annotations

import ssl
from functools import partial
from http.client import HTTPMessage, HTTPResponse
from typing import IO
from urllib.request import (
    BaseHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from kanoa_mlops.weights.address import same_place
from kanoa_mlops.weights.connection import PlainConnection, TlsConnection


def make_opener(context: ssl.SSLContext, stall_seconds: float) -> OpenerDirector:
    """Only http and https: the standard opener would follow a redirect to ftp as well."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        _PlainHandler(stall_seconds),
        _TlsHandler(context, stall_seconds),
        _Redirects(),
        HTTPErrorProcessor(),
        _EveryStatus(),
        UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


class _Redirects(HTTPRedirectHandler):
    """Credentials go along within one scheme, host and port and nowhere else: not to a CDN."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        authorization = req.unredirected_hdrs.get("Authorization")
        if request and authorization and same_place(req.full_url, newurl):
            request.add_unredirected_header("Authorization", authorization)
        return request


class _EveryStatus(BaseHandler):
    """A 404 is an answer like any other; the caller knows what it means."""

    def http_error_default(
        self, req: Request, fp: HTTPResponse, code: int, msg: str, headers: HTTPMessage
    ) -> HTTPResponse:
        return fp


class _PlainHandler(HTTPHandler):
    def __init__(self, stall_seconds: float) -> None:
        super().__init__()
        self._stall_seconds = stall_seconds

    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(partial(PlainConnection, stall_seconds=self._stall_seconds), req)


class _TlsHandler(HTTPSHandler):
    def __init__(self, context: ssl.SSLContext, stall_seconds: float) -> None:
        super().__init__()
        self._tls = context
        self._stall_seconds = stall_seconds

    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(partial(TlsConnection, context=self._tls, stall_seconds=self._stall_seconds), req)
