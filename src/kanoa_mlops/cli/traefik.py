"""`kanoa-mlops render traefik`: one address with TLS before several gateways."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import click

from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.errors import UserError
from kanoa_mlops.gateway.hosts import is_loopback
from kanoa_mlops.render.traefik import Acme, Certificate, Front, is_address, routes_text, static_text
from kanoa_mlops.settings import DEFAULT_HOST, load_settings

_HERE = ("localhost", "127.0.0.1")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.IGNORECASE)
_RENDERED = "# Written by `kanoa-mlops render traefik`; rendering again writes it anew.\n"

_file = click.Path(dir_okay=False, path_type=Path)
_port = click.IntRange(1, 65535)


@click.command()
@click.argument("replicas", metavar="URL...", nargs=-1, required=True)
@click.option(
    "--name",
    "names",
    metavar="NAME",
    multiple=True,
    help="Name that clients use. Repeatable.  [default: localhost]",
)
@click.option("--certificate", type=_file, help="PEM, with what leads to its authority.")
@click.option("--key", type=_file, help="Of the certificate, in PEM.")
@click.option("--acme", "email", metavar="EMAIL", help="Have Let's Encrypt give the certificate.")
@click.option("--rate", type=click.IntRange(min=1), help="Requests a minute of one Authorization header.")
@click.option(
    "--host", metavar="ADDRESS", default=DEFAULT_HOST, help="Address to listen on.  [default: 127.0.0.1]"
)
@click.option("--port", type=_port, default=8443, help="Port of https.  [default: 8443]")
@click.option("--http-port", type=_port, default=8080, help="Port that leads to it.  [default: 8080]")
@click.option(
    "-o",
    "--output",
    default="traefik",
    help="Folder to write into.  [default: traefik]",
    type=click.Path(file_okay=False, path_type=Path),
)
def traefik(
    replicas: tuple[str, ...],
    names: tuple[str, ...],
    certificate: Path | None,
    key: Path | None,
    email: str | None,
    rate: int | None,
    host: str,
    port: int,
    http_port: int,
    output: Path,
) -> None:
    """Traefik's files: TLS and a rate limit before gateways at URLs.

    A running Traefik takes a changed list of gateways at once, and cuts no
    answer of those that left it.
    """
    screen, settings, folder = Screen(), load_settings(), output.absolute()
    front = Front(
        replicas=_replicas(replicas, host),
        names=[_name(name) for name in names or _HERE],
        tls=_tls(certificate, key, email, folder / "acme.json"),
        host=host,
        port=port,
        plain_port=http_port,
        requests_per_minute=rate,
        drain_seconds=settings.drain_seconds,
    )
    if isinstance(front.tls, Acme):
        _require_reachable(front)
    folder.mkdir(parents=True, exist_ok=True)
    routes = folder / "routes.yaml"
    _write(routes, routes_text(front))
    _write(folder / "traefik.yaml", static_text(front, routes))
    screen.print(str(folder / "traefik.yaml"))
    screen.say(f"Start it: traefik --configFile={output / 'traefik.yaml'}")
    screen.say(f"Endpoint: https://{front.names[0]}:{port}/v1")


def _replicas(urls: tuple[str, ...], host: str) -> list[str]:
    replicas = [_replica(url) for url in urls]
    for url in replicas:
        if replicas.count(url) > 1:
            raise UserError(f"{url} is given twice.", hint="Give each gateway once.")
        name = urlsplit(url).hostname or ""
        if is_loopback(name) and not is_loopback(host):
            raise UserError(
                f"Traefik on {host} is open to the network, and the gateway at {url} asks for no key there.",
                hint="Let it listen on an address of this machine, where it does: "
                "kanoa-mlops gateway --host ADDRESS",
            )
    return replicas


def _replica(url: str) -> str:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 0) >= 0
    except ValueError:
        whole = False
    if not whole or parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        # It is not quoted, as it may hold a password.
        raise UserError(
            "One of the URLs is not the base address of a gateway.",
            hint="Write it as http://10.0.0.5:8000, without /v1.",
        )
    return f"{parts.scheme}://{parts.netloc}"


def _name(name: str) -> str:
    if _NAME.fullmatch(name):
        return name.lower()
    raise UserError(f"{name!r} is not a host name.", hint="Write it as llm.example.org, without a port.")


_TRIAL = (
    "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost "
    "-addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem"
)


def _tls(certificate: Path | None, key: Path | None, email: str | None, storage: Path) -> Certificate | Acme:
    if email and not (certificate or key):
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
            raise UserError(f"{email!r} is not an e-mail address.")
        return Acme(email, storage)
    if certificate and key and not email:
        _require_pair(certificate, key)
        return Certificate(certificate.absolute(), key.absolute())
    if not (email or certificate or key):
        raise UserError(
            "Keys do not travel without TLS, and nothing says where its certificate is from.",
            hint=f"Give --certificate and --key, or --acme EMAIL. For a trial make one: `{_TRIAL}`.",
        )
    raise UserError(
        "Where the certificate is from is not said once.",
        hint="Give --certificate and --key, or --acme EMAIL.",
    )


def _require_pair(certificate: Path, key: Path) -> None:
    """Traefik takes what it can, and shows clients a certificate of its own making where it cannot."""

    def no_password() -> str:
        raise UserError(f"{key} wants a password, which Traefik cannot give.", hint="Take it off the file.")

    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, no_password)
    except ssl.SSLError as error:
        raise UserError(
            f"{certificate} and {key} are not a certificate and its key: {error.reason or 'not PEM'}."
        ) from error
    except OSError as error:
        raise UserError(f"{certificate} or {key} cannot be read: {error.strerror}.") from error


def _require_reachable(front: Front) -> None:
    hidden = [name for name in front.names if is_address(name) or "." not in name]
    if hidden or is_loopback(front.host):
        what = f"{hidden[0]} is no name of the public network" if hidden else f"nobody reaches {front.host}"
        raise UserError(
            f"Let's Encrypt come to see whose a name is, and {what}.",
            hint="Give --name and --host, or a certificate of your own: --certificate and --key.",
        )


def _write(path: Path, text: str) -> None:
    """All at once, as Traefik reads it while it is written."""
    fresh = path.with_suffix(".new")
    fresh.write_text(_RENDERED + text, encoding="utf-8")
    fresh.replace(path)
