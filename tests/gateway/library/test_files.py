"""`/v1/files`, by OpenAI's client and by what no client would send."""

from __future__ import annotations

import openai
import pytest
from openai.types import FileDeleted, FileObject

from tests.gateway.library.conftest import NOTE, House, OpenHouse, checked


async def test_a_file_comes_is_listed_opened_and_goes(house: House) -> None:
    async with house.client() as client:
        made = await client.files.create(file=("drift.md", NOTE), purpose="assistants")
        assert (made.filename, made.bytes, made.purpose) == ("drift.md", len(NOTE), "assistants")
        assert await client.files.retrieve(made.id) == made
        assert [each.id async for each in client.files.list()] == [made.id]
        assert (await client.files.content(made.id)).content == NOTE
        assert house.on_disk(b"3 mV a month")
        assert (await client.files.delete(made.id)).deleted
        with pytest.raises(openai.NotFoundError, match="There is no file"):
            await client.files.retrieve(made.id)
    assert not house.on_disk(b"3 mV a month")


async def test_answers_are_what_the_client_says_they_are(house: House) -> None:
    file = await house.upload()
    _, found = await house.ask("GET", f"/files/{file.id}")
    checked(FileObject, found)
    _, gone = await house.ask("DELETE", f"/files/{file.id}")
    checked(FileDeleted, gone)


async def test_pages_go_on_where_the_last_ended_even_if_that_is_deleted(house: House) -> None:
    made = [await house.upload(f"{number}.txt") for number in range(5)]
    async with house.client() as client:
        seen = []
        async for each in client.files.list(limit=2):
            seen.append(each.id)
            await client.files.delete(each.id)
        assert seen == [each.id for each in reversed(made)]
        assert (await client.files.list()).data == []


async def test_a_list_is_of_one_purpose_and_in_the_order_wanted(house: House) -> None:
    first = await house.upload("a.txt")
    async with house.client() as client:
        second = await client.files.create(file=("b.txt", NOTE), purpose="user_data")
        assert [each.id async for each in client.files.list(purpose="user_data")] == [second.id]
        assert [each.id async for each in client.files.list(order="asc")] == [first.id, second.id]


async def test_a_browser_opens_what_it_shows_and_runs_nothing(house: House) -> None:
    for name, kind, way in (
        ("a.pdf", "application/pdf", "inline"),
        ("a.md", "text/plain; charset=utf-8", "inline"),
        ("a.html", "text/plain; charset=utf-8", "inline"),
        ("a.svg", "application/octet-stream", "attachment"),
        ("a", "application/octet-stream", "attachment"),
    ):
        file = await house.upload(name, b"<script>alert(1)</script>")
        async with house.client() as client:
            answer = await client.files.with_raw_response.content(file.id)
        assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == (kind, "nosniff")
        assert answer.headers["content-disposition"] == f"{way}; filename*=UTF-8''{name}"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\lab report.pdf", "lab report.pdf"),
        ("größe µV.csv", "größe µV.csv"),
        ("a\x1b[31mb.txt", "a[31mb.txt"),
        ("n" * 300 + ".md", "n" * 252 + ".md"),
    ],
)
async def test_a_name_is_a_name_and_no_path(house: House, given: str, kept: str) -> None:
    file = await house.upload(given)
    assert file.filename.replace("%1B", "") == kept


async def test_a_file_that_is_too_large_is_refused_with_the_size_that_is_not(open_house: OpenHouse) -> None:
    house: House = await open_house(max_file_bytes=1000)
    await house.upload("fits.txt", b"x" * 1000)
    for size in (1001, 200_000):
        with pytest.raises(openai.APIStatusError) as refused:
            await house.upload("large.txt", b"x" * size)
        assert (refused.value.status_code, refused.value.code) == (413, "file_too_large")
        assert "1,000 bytes" in refused.value.message
    assert not list((house.folder / "coming").iterdir())


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"purpose": "assistants"}, "file"),
        ({"file": NOTE}, "purpose"),
        ({"file": NOTE, "purpose": "fine-tune"}, "purpose"),
        ({"file": NOTE, "purpose": "lunch"}, "purpose"),
        ({"file": NOTE, "purpose": "assistants", "expires_after[anchor]": "created_at"}, "expires_after"),
    ],
)
async def test_a_form_that_lacks_something_names_it(
    house: House, fields: dict[str, str | bytes], param: str
) -> None:
    import aiohttp

    form = aiohttp.FormData()
    for name, value in fields.items():
        form.add_field(name, value, filename="a.md" if name == "file" else None)
    if "file" not in fields:
        form.add_field("other", b"", filename="a.md")
    status, answer = await house.ask("POST", "/files", data=form)
    assert (status, answer["error"]["param"]) == (400, param)
    assert not house.library.archive.files()


async def test_what_is_no_form_is_said_to_be_none(house: House) -> None:
    for kind in ("application/json", "multipart/form-data", "multipart/form-data; boundary="):
        status, answer = await house.ask("POST", "/files", data=b"{}", headers={"content-type": kind})
        assert (status, answer["error"]["code"]) == (400, "bad_body")
    gzip = {"content-type": "multipart/form-data; boundary=x", "content-encoding": "gzip"}
    status, answer = await house.ask("POST", "/files", data=b"", headers=gzip)
    assert (status, answer["error"]["code"]) == (400, "bad_body")


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=10001", "limit=%D9%A3", "order=up"])
async def test_a_page_that_makes_no_sense_is_refused(house: House, query: str) -> None:
    status, answer = await house.ask("GET", f"/files?{query}")
    assert (status, answer["error"]["code"]) == (400, "invalid_value")
    assert answer["error"]["param"] == query.partition("=")[0]
