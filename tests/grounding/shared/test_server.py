"""What only a server does: it stops, is frozen, refuses, lacks pgvector; and what leaves its disk."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psycopg
import pytest

from kanoa_mlops.errors import ArchiveBusy, ArchiveUnusable, KanoaError, SettingsError
from kanoa_mlops.grounding.archive import File
from kanoa_mlops.grounding.postgres import server
from kanoa_mlops.grounding.shared import SharedArchive, schema, vectors
from kanoa_mlops.grounding.shared.schema import SCHEMA
from kanoa_mlops.grounding.types import Ranking
from tests.grounding.shared.making import SPACE, collection, document, embed_all, put_all, vector
from tests.postgres import Postgres

_SECRET = "xylophonequartz"
"""A word that nothing else says."""


def written(error: BaseException) -> str:
    """Whatever a log could hold of it."""
    hint = error.hint if isinstance(error, KanoaError) else ""
    return "".join(traceback.format_exception(error)) + repr(error) + hint


def on_disk(postgres: Postgres, words: bytes) -> list[Path]:
    """Files of the server with these words, but for its log of changes."""
    postgres.execute("CHECKPOINT")
    files = [path for path in (postgres.folder / "data").rglob("*") if path.is_file()]
    return [path for path in files if "pg_wal" not in path.parts and words in _read(path)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # removed meanwhile
        return b""


@pytest.mark.parametrize("how", ["drop", "remove"])
def test_what_is_deleted_leaves_the_disk(archive: SharedArchive, postgres: Postgres, how: str) -> None:
    made = collection()
    archive.create(made)
    texts = [f"{_SECRET} number {number}" for number in range(40)]
    put_all(archive, made.id, [document("kept.md", "drift"), document(f"{_SECRET}.md", *texts)])
    embed_all(archive, made.id)
    assert on_disk(postgres, _SECRET.encode())
    if how == "drop":
        assert archive.drop(made.id, [f"{_SECRET}.md"]) == 1
        assert [each.source for each in archive.held(made.id)] == ["kept.md"]
    else:
        archive.remove(made.id)
        assert archive.collections() == []
    assert on_disk(postgres, _SECRET.encode()) == []
    tables = postgres_tables(postgres, archive)
    assert bool(tables & {"chunks_1", "vectors_1", "words_1"}) == (how == "drop")


def postgres_tables(postgres: Postgres, archive: SharedArchive) -> set[str]:
    with archive._server.lent() as connection:
        rows = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s", (SCHEMA,)
        ).fetchall()
    return {name for (name,) in rows}


def test_nothing_of_its_words_and_vectors_is_left_in_the_tables(archive: SharedArchive) -> None:
    made = collection()
    archive.create(made)
    put_all(archive, made.id, [document("a.md", "drift of it", "noise"), document("b.md", "drift", "limits")])
    embed_all(archive, made.id)
    archive.drop(made.id, ["a.md", "b.md"])
    with archive._server.lent() as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {kind}_1".encode()).fetchall()
            for kind in ("documents", "chunks", "words", "vectors")
        ]
        [state] = connection.execute("SELECT chunks, embedded, terms FROM collections").fetchall()
    assert counts == [[(0,)]] * 4
    assert state == (0, 0, 0)


def test_an_index_of_vectors_is_not_made_anew_for_one_document(
    archive: SharedArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "EXACT", 2)
    made = collection()
    archive.create(made)
    put_all(archive, made.id, [document("a.md", "drift", "noise"), document("b.md", "limits", "sensor")])
    embed_all(archive, made.id)

    def files() -> list[tuple[str, int]]:
        with archive._server.lent() as connection:
            names = ["vectors_1", "near_1", "chunks_1"]
            question = "SELECT relname, relfilenode::int FROM pg_class WHERE relname = ANY(%s) ORDER BY 1"
            return connection.execute(question, (names,)).fetchall()

    before = dict(files())
    archive.drop(made.id, ["a.md"])
    assert sorted(name for name, file in files() if file == before[name]) == ["near_1", "vectors_1"]
    assert {p.source for p in archive.search(made.id, "", vector("drift"), ranking=Ranking(0, 1))} == {"b.md"}


def test_an_uploaded_file_leaves_the_disk(archive: SharedArchive, postgres: Postgres) -> None:
    archive.add_file(File("file-1", "", "a.txt", "assistants", 9000, 0.0), _SECRET.encode() * 900)
    assert on_disk(postgres, _SECRET.encode())
    archive.remove_file("file-1")
    assert on_disk(postgres, _SECRET.encode()) == []


@pytest.fixture
def modest(url: str, postgres: Postgres) -> Iterator[str]:
    """The address of one who may only use a schema that was made for them."""
    database = url.rpartition("/")[2]
    postgres.execute("CREATE ROLE modest LOGIN PASSWORD 'modest-word'")
    postgres.execute(f"CREATE SCHEMA {SCHEMA} AUTHORIZATION modest", url)
    yield postgres.url(database, user="modest", password="modest-word")
    postgres.execute(f"DROP SCHEMA {SCHEMA} CASCADE", url)
    postgres.execute("DROP ROLE modest")


def test_without_pgvector_words_are_found_and_it_says_what_lacks(
    modest: str, caplog: pytest.LogCaptureFixture
) -> None:
    archive = SharedArchive(modest)
    assert "words alone are found: it lacks the extension vector (pgvector)" in caplog.text
    made = collection()
    archive.create(made)
    put_all(archive, made.id, [document("a.md", "drift", "noise")])
    assert [p.text for p in archive.search(made.id, "noise", vector("drift"))] == ["noise"]
    assert list(archive.unembedded(made.id, SPACE)) == []
    with pytest.raises(ArchiveUnusable, match="lacks the extension vector") as error:
        archive.embed(made.id, SPACE, ["x"], np.stack([vector("x")]))
    assert "CREATE EXTENSION vector" in error.value.hint
    archive.drop(made.id, ["a.md"])
    archive.close()


def test_it_finds_pgvector_wherever_it_is(url: str, postgres: Postgres) -> None:
    postgres.execute('CREATE SCHEMA "Ext Ensions"', url)
    postgres.execute('CREATE EXTENSION vector SCHEMA "Ext Ensions"', url)
    archive = SharedArchive(url)
    made = collection()
    archive.create(made)
    put_all(archive, made.id, [document("a.md", "drift", "noise")])
    assert embed_all(archive, made.id) == 2
    assert archive.search(made.id, "", vector("noise"))[0].text == "noise"
    archive.close()


def test_rights_that_lack_are_told(url: str, postgres: Postgres) -> None:
    postgres.execute("CREATE ROLE nobody LOGIN PASSWORD 'x'")
    try:
        with pytest.raises(ArchiveUnusable, match="cannot be read and written: permission denied"):
            SharedArchive(postgres.url(url.rpartition("/")[2], user="nobody", password="x"))
    finally:
        postgres.execute("DROP ROLE nobody")


def test_one_of_a_newer_version_is_left_alone(url: str, postgres: Postgres) -> None:
    SharedArchive(url).close()
    postgres.execute(f"UPDATE {SCHEMA}.archive SET version = {len(schema.MIGRATIONS) + 1}", url)
    with pytest.raises(ArchiveUnusable, match="written by a newer kanoa-mlops"):
        SharedArchive(url)


def test_an_older_one_is_brought_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    SharedArchive(url).close()
    monkeypatch.setattr(
        schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE more (a INTEGER); DROP TABLE more")
    )
    archive = SharedArchive(url)
    with archive._server.lent() as connection:
        assert connection.execute("SELECT version FROM archive").fetchall() == [(len(schema.MIGRATIONS),)]
    archive.close()


def test_whoever_was_thrown_out_comes_back_unnoticed(archive: SharedArchive, postgres: Postgres) -> None:
    archive.create(collection())
    mine = "pg_stat_activity WHERE datname LIKE 'books_%'"
    postgres.execute(f"SELECT pg_terminate_backend(pid, 30000) FROM {mine}")
    assert len(archive.collections()) == 1


def test_a_server_that_stops_is_told_and_one_that_comes_back_is_used(
    archive: SharedArchive, postgres: Postgres
) -> None:
    archive.create(collection())
    postgres.stop()
    try:
        with pytest.raises(ArchiveBusy, match="cannot be reached"):
            archive.collections()
    finally:
        postgres.start()
    assert len(archive.collections()) == 1


def test_a_server_that_is_frozen_is_given_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = SharedArchive(url)
    with archive._server.lent() as connection:
        process = connection.info.backend_pid
    lent = server.Server.lent
    monkeypatch.setattr(server.Server, "lent", lambda self, seconds=0: lent(self, 0.3))
    os.kill(process, signal.SIGSTOP)
    try:
        with pytest.raises(ArchiveBusy, match=r"cannot be reached: it said nothing for 0\.3 seconds"):
            archive.collections()
    finally:
        os.kill(process, signal.SIGCONT)
    archive.close()


def test_a_password_is_read_from_a_file_and_said_nowhere(
    url: str, postgres: Postgres, tmp_path: Path
) -> None:
    wrong = postgres.url(url.rpartition("/")[2], password="wr0ng-secret")
    with pytest.raises(ArchiveBusy, match="password authentication failed") as error:
        SharedArchive(wrong)
    assert "wr0ng-secret" not in written(error.value)
    file = tmp_path / "password"
    file.write_text(postgres.password + "\n")
    SharedArchive(wrong, file).close()
    with pytest.raises(SettingsError, match=r"cannot be read from .*nowhere") as missing:
        SharedArchive(wrong, tmp_path / "nowhere")
    assert "wr0ng-secret" not in written(missing.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ben:sec@ret@host/db",
        "postgresql://ben:s%aa@host/db",
        "postgresql://[sec/db",
        "host=sec '",
    ],
)
def test_what_is_no_address_is_told_and_not_said(url: str) -> None:
    with pytest.raises(SettingsError, match="cannot be read") as error:
        SharedArchive(url)
    assert "sec" not in str(error.value)


def test_others_hold_a_collection_for_too_long(url: str) -> None:
    archive, made = SharedArchive(url, patience=0.2), collection()
    archive.create(made)
    with psycopg.connect(url) as other:
        other.execute(f"SELECT FROM {SCHEMA}.collections FOR UPDATE".encode())
        with pytest.raises(ArchiveBusy, match="is held by others"):
            archive.put(made.id, document("a.md", "drift"))
        assert archive.search(made.id, "drift", None) == []
    archive.put(made.id, document("a.md", "drift"))
    archive.close()
