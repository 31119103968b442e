from __future__ import annotations

import base64

import pytest

from kanoa_mlops.errors import UserError
from kanoa_mlops.weights.address import Address, mask

BASIC = "Basic " + base64.b64encode(b"ann:s/cret").decode()


def test_credentials_leave_the_url_and_are_never_shown() -> None:
    address = Address.parse("https://ann:s%2Fcret@mirror.example:8443/simple?key=hush")
    assert address.url == "https://mirror.example:8443/simple?key=hush"
    assert address.authorization == BASIC
    assert str(address) == repr(address) == "https://mirror.example:8443/simple"


def test_credentials_follow_to_the_same_place_only() -> None:
    home = Address.parse("https://ann:s%2Fcret@mirror.example/simple/")
    assert home.join("tiny/").authorization == BASIC
    assert home.join("https://mirror.example:443/files/x.whl").authorization == BASIC
    assert home.join("http://mirror.example/files/x.whl").authorization == ""
    assert home.join("https://files.example/x.whl").authorization == ""
    assert home.join("../x.whl", base="https://files.example/a/b").authorization == ""


def test_a_link_may_bring_its_own_credentials() -> None:
    link = Address.parse("https://mirror.example/").join("https://ann:s%2Fcret@files.example/x.whl")
    assert (link.url, link.authorization) == ("https://files.example/x.whl", BASIC)


@pytest.mark.parametrize("url", ["https://ann:s/cret@mirror.example/", "https://ann:1/cret@mirror.example/"])
def test_a_badly_quoted_password_is_not_shown_either(url: str) -> None:
    try:
        shown = str(Address.parse(url))
    except UserError as error:
        assert error.__cause__ is None
        shown = error.message + error.hint
    assert "cret" not in shown
    assert "ann" not in shown
    assert "mirror.example" in shown


def test_mask() -> None:
    assert mask("no https://ann:secret@host/path here") == "no https://***@host/path here"
