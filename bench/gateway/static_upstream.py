"""An engine that costs next to nothing: nginx with the same answer for everybody."""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import psutil

from kanoa_mlops.runtime.ports import free_port

Kind = Literal["chat", "image", "stream", "slow"]
"""What is asked for: a whole answer; the same, once a large body was read; a fast stream; one that lasts."""
KINDS: tuple[Kind, ...] = ("chat", "image", "stream", "slow")
ENGINE_MODEL = "static"

_EVENTS = 100
_SLOW_EVENTS = 2000
_SLOW_BYTES_PER_SECOND = 300  # a word a second
_ABOUT = {"id": "chatcmpl-1", "created": 1767225600, "model": ENGINE_MODEL}

_CONFIG = """
user {user} {group};
worker_processes auto;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    tcp_nodelay on;
    keepalive_requests 100000000;
    client_max_body_size 64m;
    client_body_buffer_size 8m;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    types {{ application/json json; text/event-stream sse; }}
    # An engine does not know how long its stream will be; server-side includes make nginx send chunks.
    ssi_types text/event-stream;
    postpone_output 0;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root answers;
        location ~ /health$ {{ return 200; }}
        location /chat/ {{ error_page 405 =200 /chat.json; return 405; }}
        location /stream/ {{ error_page 405 =200 /stream.sse; return 405; }}
        location /slow/ {{ error_page 405 =200 /slow.sse; return 405; }}
        location = /stream.sse {{ ssi on; }}
        # Without: a chunk that comes in parts makes Traefik 3.7 break the stream off.
        location = /slow.sse {{ limit_rate {rate}; }}
        # Answered only once the whole body is here, as an engine does that has to look at it.
        location /image/ {{
            rewrite ^ /chat.json break;
            proxy_method GET;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://inner;
        }}
    }}
    upstream inner {{ server 127.0.0.1:{inner}; keepalive 64; }}
    server {{ listen 127.0.0.1:{inner} backlog=4096; root answers; }}
}}
"""


def require_nginx() -> str:
    """Its path. Ends the program where there is none."""
    # Debian's is where only root's PATH leads.
    if path := shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin"):
        return path
    sys.exit("nginx plays the engine here and is not installed: sudo apt-get install nginx-light")


@contextmanager
def static_upstream(folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    """Its port and its process. Each kind has its own prefix: /chat/v1/chat/completions."""
    program = require_nginx()
    folder.mkdir()
    _write_answers(folder / "answers")
    port, inner = free_port(), free_port()
    config = folder / "nginx.conf"
    # Started by root, its workers would else be somebody who may not read the folder.
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    config.write_text(
        _CONFIG.format(user=user, group=group, port=port, inner=inner, rate=_SLOW_BYTES_PER_SECOND)
    )
    command = [program, "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")]
    process = psutil.Popen([*command, "-g", "daemon off;"])
    try:
        _wait_for(port, process, folder / "error.log")
        yield port, process
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: psutil.Popen, log: Path) -> None:
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        if process.poll() is not None:
            raise RuntimeError(f"nginx ended. It said:\n{log.read_text()}")
        time.sleep(0.01)


def nginx_version() -> str:
    said = subprocess.run([require_nginx(), "-v"], capture_output=True, text=True, check=True).stderr
    return said.strip().rpartition("/")[2]


def _write_answers(folder: Path) -> None:
    folder.mkdir()
    usage = {"prompt_tokens": 20, "completion_tokens": _EVENTS, "total_tokens": 20 + _EVENTS}
    message = {"role": "assistant", "content": "A thrown ball follows a parabola. " * 15}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {**_ABOUT, "object": "chat.completion", "choices": [choice], "usage": usage}
    (folder / "chat.json").write_text(json.dumps(answer))
    (folder / "stream.sse").write_text(_stream(_EVENTS, usage))
    (folder / "slow.sse").write_text(_stream(_SLOW_EVENTS, usage))


def _stream(events: int, usage: dict[str, int]) -> str:
    def chunk(delta: dict[str, str], finish: str | None = None, **more: object) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        value = {**_ABOUT, "object": "chat.completion.chunk", "choices": [choice], **more}
        return f"data: {json.dumps(value)}\n\n"

    words = "".join(chunk({"content": " parabola"}) for _ in range(events))
    first, last = chunk({"role": "assistant", "content": ""}), chunk({}, "stop", usage=usage)
    return f"{first}{words}{last}data: [DONE]\n\n"
