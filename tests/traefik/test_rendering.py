"""What `render traefik` writes, and what it refuses to."""

from __future__ import annotations

import shutil
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import trustme
import yaml
from hypothesis import given
from hypothesis import strategies as st

from docs.guides import GUIDES
from kanoa_mlops.errors import UserError
from kanoa_mlops.gateway.departure import NOTICE_HEADER
from kanoa_mlops.gateway.http import listening
from kanoa_mlops.render.traefik import Acme, Certificate, Front, routes_text, static_text
from tests.test_guides import commands
from tests.traefik.conftest import Authority, render

PAIR = Certificate(Path("/etc/llm/cert.pem"), Path("/etc/llm/key.pem"))


def front(**changes: Any) -> Front:
    values: dict[str, Any] = {
        "replicas": ["http://10.0.0.5:8000", "http://10.0.0.6:8000"],
        "names": ["llm.example.org"],
        "tls": PAIR,
        "host": "::",
        "port": 443,
        "plain_port": 80,
        "requests_per_minute": 60,
        "drain_seconds": 15.0,
    }
    return Front(**values | changes)


def test_the_file_that_it_is_started_with() -> None:
    acme = Acme("anna@example.org", Path("/srv/traefik/acme.json"))
    assert static_text(front(tls=acme), Path("/srv/traefik/routes.yaml")) == dedent(
        """\
        global:
          checkNewVersion: false
          sendAnonymousUsage: false
        entryPoints:
          web:
            address: '[::]:80'
            http:
              redirections:
                entryPoint:
                  to: websecure
                  scheme: https
              aliasHeadersStrategy: delete
          websecure:
            address: '[::]:443'
            transport:
              respondingTimeouts:
                # 60s if unsaid, and then a large image over a slow line is cut.
                readTimeout: 600s
                writeTimeout: 0s
              lifeCycle:
                # 10s if unsaid, and then a stop cuts answers. No less than the gateways' own patience.
                graceTimeOut: 25s
            http:
              tls:
                certResolver: acme
              # Names of models have slashes, which clients encode; not all versions let them in.
              encodedCharacters:
                allowEncodedSlash: true
              aliasHeadersStrategy: delete
        providers:
          file:
            filename: /srv/traefik/routes.yaml
            watch: true
        log:
          level: WARN
          format: json
        accessLog:
          format: json
          fields:
            names:
              ClientUsername: drop
            # Kept if unsaid, and people put keys there.
            queryParameters:
              defaultMode: drop
            headers:
              defaultMode: drop
        certificatesResolvers:
          acme:
            acme:
              email: anna@example.org
              storage: /srv/traefik/acme.json
              tlsChallenge: {}
        """
    )


def test_the_file_that_it_reads_again() -> None:
    assert routes_text(front()) == dedent(
        """\
        http:
          routers:
            gateways:
              rule: (Host(`llm.example.org`)) && !Path(`/metrics`)
              entryPoints:
              - websecure
              middlewares:
              - headers
              - rate
              - again
              service: gateways
              tls: {}
          middlewares:
            headers:
              headers:
                contentTypeNosniff: true
                customRequestHeaders:
                  x-kanoa-notice: ''
                stsSeconds: 31536000
            rate:
              # Each Traefik counts alone.
              rateLimit:
                average: 60
                period: 1m
                burst: 60
                sourceCriterion:
                  requestHeaderName: Authorization
            again:
              # Where no connection came about, so nothing is asked twice. With `status` it would be.
              retry:
                attempts: 30
                initialInterval: 200ms
          services:
            gateways:
              loadBalancer:
                strategy: p2c
                servers:
                - url: http://10.0.0.5:8000
                - url: http://10.0.0.6:8000
                # A gateway on loopback refuses other names, as a page that rebinds DNS has one.
                passHostHeader: false
                serversTransport: gateways
                # Not /health: it is 503 until a model is ready, and the reason would not reach clients.
                healthCheck:
                  path: /
                  interval: 3s
                  timeout: 2s
                  headers:
                    x-kanoa-notice: '6'
          serversTransports:
            gateways:
              forwardingTimeouts:
                dialTimeout: 2s
                # 90s if unsaid; the gateways close after 75 s, and what is sent just then is lost.
                idleConnTimeout: 60s
        tls:
          options:
            default:
              minVersion: VersionTLS12
          stores:
            default:
              # For clients that go by address too. Render again when it was renewed.
              defaultCertificate:
                certFile: /etc/llm/cert.pem
                keyFile: /etc/llm/key.pem
        """
    )


def test_what_the_gateway_counts_on_is_there() -> None:
    service = yaml.safe_load(routes_text(front()))["http"]["services"]["gateways"]["loadBalancer"]
    look = service["healthCheck"]
    notice = int(look["headers"][NOTICE_HEADER])
    assert notice > _seconds(look["interval"]) + _seconds(look["timeout"])
    [transport] = yaml.safe_load(routes_text(front()))["http"]["serversTransports"].values()
    # Whoever closes an idle connection must be who would send the next request on it.
    assert _seconds(transport["forwardingTimeouts"]["idleConnTimeout"]) < listening._KEEP_ALIVE_SECONDS


@given(drain=st.floats(0, 10_000), path=st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1))
def test_whatever_it_is_told_is_read_back(drain: float, path: str) -> None:
    told = front(
        drain_seconds=drain, tls=Certificate(Path("/" + path), Path("/key")), requests_per_minute=None
    )
    static = yaml.safe_load(static_text(told, Path("/" + path)))
    routes = yaml.safe_load(routes_text(told))
    assert static["providers"]["file"]["filename"] == str(Path("/" + path))
    assert _seconds(static["entryPoints"]["websecure"]["transport"]["lifeCycle"]["graceTimeOut"]) >= drain
    assert routes["tls"]["stores"]["default"]["defaultCertificate"]["certFile"] == str(Path("/" + path))


def test_rendering_twice_changes_nothing(home: Path, authority: Authority) -> None:
    folder = home / "front"
    words = [
        "http://127.0.0.1:8001/",
        "http://127.0.0.1:8002",
        *authority.options,
        "--rate=9",
        "-o",
        str(folder),
    ]
    done = render(*words)
    assert done.stdout == f"{folder / 'traefik.yaml'}\n"
    assert "Endpoint: https://localhost:8443/v1" in done.stderr
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    render(*words)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert sorted(first) == ["routes.yaml", "traefik.yaml"]


def test_what_the_guide_renders(home: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cert.pem", "key.pem"):
        shutil.copy(authority.folder / name, home)
    monkeypatch.chdir(home)
    text = (GUIDES / "behind-traefik.md").read_text(encoding="utf-8")
    rendered = [words[2:] for words in commands(text) if words[:2] == ["render", "traefik"]]
    told = ["https://llm.example.org:443/v1", "https://llm.example.org:443/v1", "https://localhost:8443/v1"]
    for words, endpoint in zip(rendered, told, strict=True):
        assert f"Endpoint: {endpoint}" in render(*words).stderr


GATEWAY = "http://127.0.0.1:8001"
ACME = ("--acme", "anna@example.org")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((GATEWAY,), "and nothing says where its certificate is from."),
        ((GATEWAY,), "For a trial make one: `openssl req -x509 "),
        ((GATEWAY, "--certificate", "cert.pem"), "--certificate and --key, or --acme EMAIL"),
        ((GATEWAY, "--certificate", "cert.pem", "--key", "key.pem", *ACME), "is not said once"),
        ((GATEWAY, "--certificate", "cert.pem", "--key", "absent.pem"), "No such file"),
        ((GATEWAY, "--certificate", "cert.pem", "--key", "other.pem"), "KEY_VALUES_MISMATCH"),
        ((GATEWAY, "--certificate", "key.pem", "--key", "key.pem"), "are not a certificate and its key"),
        ((GATEWAY, "--certificate", "cert.pem", "--key", "locked.pem"), "wants a password"),
        ((GATEWAY, "--acme", "anna"), "is not an e-mail address"),
        ((GATEWAY, *ACME), "localhost is no name of the public network"),
        (("http://10.0.0.5:8000", *ACME, "--name=llm.example.org"), "nobody reaches 127.0.0.1"),
        ((GATEWAY, *ACME, "--name=llm.example.org", "--host=0.0.0.0"), "asks for no key"),
        ((GATEWAY, *ACME, "--name=https://llm.example.org"), "is not a host name"),
        ((GATEWAY, *ACME, "--name=llm.example.org`)||Host(`x"), "is not a host name"),
        ((GATEWAY, *ACME, "--name=::1"), "is not a host name"),
        ((GATEWAY, GATEWAY + "/", *ACME), "is given twice"),
        ((GATEWAY + "/v1", *ACME), "without /v1"),
        (("http://anna:secret@10.0.0.5:8000", *ACME), "is not the base address"),
        (("10.0.0.5:8000", *ACME), "is not the base address"),
        (("http://10.0.0.5:port", *ACME), "is not the base address"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(
    home: Path, authority: Authority, words: tuple[str, ...], said: str
) -> None:
    other = trustme.CA().issue_cert("localhost").private_key_pem
    other.write_to_path(str(authority.folder / "other.pem"))
    (authority.folder / "locked.pem").write_bytes(_locked(other.bytes()))
    folder = home / "front"
    paths = [str(authority.folder / word) if word.endswith(".pem") else word for word in words]
    with pytest.raises(UserError) as refused:
        render(*paths, "-o", str(folder))
    told = f"{refused.value.message} {refused.value.hint}"
    assert said in told
    assert "secret" not in told
    assert not folder.exists(), "nothing half is left"


def _locked(pem: bytes) -> bytes:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(pem, None)
    lock = serialization.BestAvailableEncryption(b"word")
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)


def _seconds(text: str) -> int:
    return int(text.removesuffix("s"))
