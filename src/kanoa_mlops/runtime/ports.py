"""Ports: which are free, and who holds one."""

from __future__ import annotations

import errno
import socket

from kanoa_mlops.errors import PortTaken, UserError


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on now."""
    with socket.socket(_family(host)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def require_free(host: str, port: int) -> None:
    """
    Raises:
        PortTaken: naming the process that holds it, where the system tells.
        UserError: the address is not one of this machine, or the port needs more rights.
    """
    try:
        with socket.socket(_family(host)) as probe:
            # A port whose last connections are still closing is free to listen on.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except PermissionError as error:
        raise UserError(
            f"Port {port} may only be used by the administrator.", hint="Use --port 8000 or higher."
        ) from error
    except socket.gaierror as error:
        raise UserError(f"{host!r} is no address of this machine.", hint="Use --host 127.0.0.1.") from error
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise UserError(
                f"Cannot listen on {host}: {error.strerror}.", hint="Use --host 127.0.0.1."
            ) from error
        raise port_taken(host, port) from error


def port_taken(host: str, port: int) -> PortTaken:
    """The error that names the holder of a port and one that is free."""
    return PortTaken(
        f"Port {port} is taken by {holder(port)}.",
        hint=f"Choose another with --port {_free_after(host, port)}, or end that process.",
    )


def holder(port: int) -> str:
    """The process that listens on a port: 'python3 (process 4711)', or that it is not told."""
    import psutil  # takes a while, and is asked seldom

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return "a process the system does not name to this user"


def _free_after(host: str, port: int) -> int:
    for candidate in range(port + 1, min(port + 100, 65536)):
        with socket.socket(_family(host)) as probe:
            try:
                probe.bind((host, candidate))
                return candidate
            except OSError:
                continue
    return free_port(host)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
