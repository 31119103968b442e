"""However a form comes in pieces, and whatever is in it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kanoa_mlops.errors import DiskFull
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.library.upload import Upload

BOUNDARY = "frontier"
KIND = f"multipart/form-data; boundary={BOUNDARY}"


def form(content: bytes, purpose: bytes = b"assistants") -> bytes:
    return (
        b'--frontier\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n' + purpose + b"\r\n"
        b'--frontier\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n'
        b"Content-Type: text/markdown\r\n\r\n" + content + b"\r\n--frontier--\r\n"
    )


def pieces(body: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(body) + 1) for cut in cuts} | {0, len(body)})
    return [body[a:b] for a, b in pairwise(places)]


@settings(deadline=None)
@given(
    st.binary(max_size=300) | st.sampled_from([b"\r\n--frontie", b"\r\n--", b"\r", b"--frontier"]),
    st.lists(st.integers(0, 10**6), max_size=12),
)
def test_the_content_is_the_same_however_it_comes_in_pieces(content: bytes, cuts: list[int]) -> None:
    if b"\r\n--frontier" in b"\r\n" + content:
        return  # the boundary itself is none of a file
    upload = Upload(KIND, None, 1000)
    try:
        for piece in pieces(form(content), cuts):
            upload.feed(piece)
        upload.finish()
        upload.file.seek(0)
        assert (upload.file.read(), upload.size) == (content, len(content))
        assert (upload.filename, upload.fields) == ("a.md", {"purpose": "assistants"})
    finally:
        upload.close()


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=400), st.integers(0, 400), st.lists(st.integers(0, 10**6), max_size=4))
def test_whatever_comes_it_is_taken_or_refused(noise: bytes, at: int, cuts: list[int]) -> None:
    body = form(b"text")
    broken = body[:at] + noise + body[at + len(noise) // 2 :]
    upload = Upload(KIND, None, 1000)
    try:
        for piece in pieces(broken, cuts):
            upload.feed(piece)
        upload.finish()
    except ApiError as error:
        assert error.status in (400, 413)
    finally:
        upload.close()


@pytest.mark.parametrize(
    "body",
    [
        form(b"text")[:-20],
        b"",
        b'--frontier\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n' * 20,
        form(b"text", purpose=b"p" * 5000),
        form(b"text").removesuffix(b"--\r\n") + b"\r\n" + form(b"again"),
        b"--frontier\r\n" + b"X-Many: 1\r\n" * 1000,
    ],
    ids=["cut", "empty", "many parts", "long field", "two files", "many headers"],
)
def test_what_is_no_whole_form_is_refused(body: bytes) -> None:
    upload = Upload(KIND, None, 1000)
    with pytest.raises(ApiError, match="form"):
        upload.feed(body)
        upload.finish()
    upload.close()


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    """Linux's /dev/full is as full as a disk can be."""
    upload = Upload(KIND, tmp_path, 10**6)
    upload.file.close()
    with Path("/dev/full").open("wb", buffering=0) as full:
        upload.file = full
        with pytest.raises(DiskFull, match="no room"):
            upload.feed(form(b"x" * 1000))
