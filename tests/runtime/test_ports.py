import os
import socket

import pytest

from kanoa_mlops.errors import PortTaken, UserError
from kanoa_mlops.runtime.ports import free_port, require_free


def test_a_free_port_is_free() -> None:
    require_free("127.0.0.1", free_port())


def test_a_taken_port_names_its_holder_and_another_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortTaken) as caught:
            require_free("127.0.0.1", port)
    assert f"Port {port} is taken by " in caught.value.message
    assert f"(process {os.getpid()})" in caught.value.message
    assert "--port" in caught.value.hint


@pytest.mark.parametrize("host", ["192.0.2.1", "no such name"])
def test_an_address_of_no_use_is_refused(host: str) -> None:
    with pytest.raises(UserError, match=f"{host}"):
        require_free(host, free_port())
