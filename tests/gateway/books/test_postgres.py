"""What only a server does: it stops, comes back, is frozen, refuses; and its password is nobody's."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kanoa_mlops.errors import BooksBusy, BooksUnusable, KanoaError, SettingsError
from kanoa_mlops.gateway.books import postgres_schema
from kanoa_mlops.gateway.books.books import Books
from kanoa_mlops.gateway.books.budget import Cap, Payer, Period
from kanoa_mlops.gateway.books.key import new_key
from kanoa_mlops.gateway.books.link import Address
from kanoa_mlops.gateway.books.postgres import PostgresStore
from kanoa_mlops.gateway.books.refusal import Limit, Refusal
from kanoa_mlops.gateway.books.reservation import Reservation
from kanoa_mlops.gateway.books.spending import Sum
from kanoa_mlops.postgres import Bounded
from tests.gateway.books.making import NOON, at_once, entry
from tests.gateway.books.places import hold, let_go, requests
from tests.postgres import Postgres

ALL = Cap(Payer.ALL, Period.DAY, 1000)


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    with postgres.database() as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    store = PostgresStore(Address(url))
    yield store
    store.close()


def written(error: BaseException) -> str:
    """Whatever a log could hold of it."""
    hint = error.hint if isinstance(error, KanoaError) else ""
    return "".join(traceback.format_exception(error)) + repr(error) + hint


@pytest.mark.parametrize("mode", ["fast", "immediate"], ids=["stopped", "crashed"])
def test_a_server_that_goes_and_comes_back_loses_nothing(
    postgres: Postgres, store: PostgresStore, mode: str
) -> None:
    books = Books(store, clock=lambda: NOON)
    key, text = new_key("ben", NOON)
    store.add_key(key)
    made = books.reserve(200, [ALL], backend="groq")
    assert isinstance(made, Reservation)
    books.record(entry("before", micro=1))
    books.tick()
    postgres.stop(mode)
    try:
        books.record(entry("while it is gone", micro=10))
        for _ in range(2):
            books.tick()
            assert "cannot be reached" in books.condition().trouble
        found = books.reserve(1, [ALL], backend="groq")
        assert isinstance(found, Refusal)
        assert found.limit is Limit.BOOKS
        books.record(entry("then", micro=100, backend="groq", reservation=made))
        assert books.under(ALL) == Sum(111, 0)
    finally:
        postgres.start()
    books.tick()
    assert books.condition().trouble == ""
    assert requests(store) == ["before", "while it is gone", "then"]
    again = Books(store, clock=lambda: NOON)
    assert again.under(ALL) == Sum(111, 0), "nor is anything set aside by who was told that it was not"
    assert again.keyring.find(text) == key


def test_a_reservation_of_which_only_the_answer_was_lost_is_given_back(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = Books(store, clock=lambda: NOON)
    reserve = store.reserve

    def lost(*arguments: object) -> None:
        reserve(*arguments)  # type: ignore[arg-type]
        raise BooksBusy("Nobody knows.")

    monkeypatch.setattr(store, "reserve", lost)
    assert isinstance(books.reserve(1000, [ALL], backend="groq"), Refusal)
    monkeypatch.undo()
    assert isinstance(books.reserve(1000, [ALL], backend="groq"), Reservation)


def test_whoever_was_thrown_out_comes_back(postgres: Postgres, store: PostgresStore) -> None:
    postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'books_%'")
    with pytest.raises(BooksBusy, match=r"cannot be reached: .*(terminating|closed)"):
        store.all_keys()
    assert store.all_keys() == []


def test_a_server_that_is_frozen_is_given_up(
    postgres: Postgres, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PostgresStore(Address(url))
    ((process,),) = store._link.rows("SELECT pg_backend_pid()")
    os.kill(process, signal.SIGSTOP)
    try:
        # For no longer than it is frozen: another process may take its time.
        with monkeypatch.context() as impatient:
            impatient.setattr(Bounded, "patience", 0.3)
            with pytest.raises(BooksBusy, match=r"cannot be reached: it said nothing for 0\.3 seconds"):
                store.all_keys()
        assert store.all_keys() == [], "by another process of the server"
        ((other,),) = store._link.rows("SELECT pg_backend_pid()")
        assert other != process
    finally:
        os.kill(process, signal.SIGCONT)
    store.close()


def test_a_statement_that_takes_too_long_is_ended_by_the_server(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store._link.rows("SELECT set_config('statement_timeout', '500ms', false)")
    with pytest.raises(BooksBusy, match="is held by another process"):
        store._link.rows("SELECT pg_sleep(60)")
    assert store.all_keys() == []


def test_many_that_open_a_new_one_at_once_make_it_once(url: str) -> None:
    at_once(*[lambda: PostgresStore(Address(url)).close()] * 8)
    store = PostgresStore(Address(url))
    store.write([entry("a")])
    assert store._link.rows("SELECT version FROM books") == [(len(postgres_schema.MIGRATIONS),)]
    store.close()


def test_an_older_one_grows_and_keeps_what_it_holds(
    url: str, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write([entry("a")])
    older = postgres_schema.MIGRATIONS
    two = "ALTER TABLE entries ADD COLUMN mood TEXT; UPDATE entries SET mood = 'good'"
    monkeypatch.setattr(postgres_schema, "MIGRATIONS", (*older, two))
    newer = PostgresStore(Address(url))
    assert newer._link.rows("SELECT request, mood FROM entries") == [("a", "good")]
    newer.close()
    monkeypatch.setattr(postgres_schema, "MIGRATIONS", older)
    with pytest.raises(BooksUnusable, match=r"by a newer kanoa-mlops .* is 2, .* known here is 1") as found:
        PostgresStore(Address(url))
    assert found.value.hint == "Update kanoa-mlops."


def test_a_step_that_fails_leaves_the_older_one_whole(
    url: str, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = "ALTER TABLE entries ADD COLUMN mood TEXT; UPDATE nothing SET mood = 1"
    monkeypatch.setattr(postgres_schema, "MIGRATIONS", (*postgres_schema.MIGRATIONS, broken))
    with pytest.raises(Exception, match='relation "nothing" does not exist'):
        PostgresStore(Address(url))
    monkeypatch.undo()
    again = PostgresStore(Address(url))
    again.write([entry("a")])
    columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'entries'"
    assert ("mood",) not in again._link.rows(columns)
    again.close()


def test_it_shares_a_database_with_others(url: str, postgres: Postgres) -> None:
    postgres.execute("CREATE TABLE keys (mine TEXT)", url)
    PostgresStore(Address(url)).close()
    assert postgres.execute("SELECT * FROM public.keys", url) == []


def test_text_is_text_in_a_database_that_knows_no_letters(postgres: Postgres) -> None:
    with postgres.database() as url:
        name = url.rpartition("/")[2]
        postgres.execute(f"DROP DATABASE {name}")
        postgres.execute(f"CREATE DATABASE {name} ENCODING SQL_ASCII TEMPLATE template0")
        store = PostgresStore(Address(url))
        try:
            key, _ = new_key("änna", now=NOON)
            store.add_key(key)
            assert list(store.all_keys()) == [key]
        finally:
            store.close()


def test_rights_that_lack_are_told(url: str, postgres: Postgres) -> None:
    name = url.rpartition("/")[2]
    postgres.execute("CREATE USER guest PASSWORD 'guest'")
    try:
        guest = Address(postgres.url(name, user="guest", password="guest"))
        with pytest.raises(BooksUnusable, match="cannot be read and written: permission denied") as found:
            PostgresStore(guest)
        assert "create a schema" in found.value.hint
        postgres.execute("CREATE SCHEMA kanoa_mlops AUTHORIZATION guest", url)
        PostgresStore(guest).close()
    finally:
        postgres.execute("DROP OWNED BY guest CASCADE", url)
        postgres.execute("DROP USER guest")


def test_one_that_may_only_be_read_is_told(store: PostgresStore) -> None:
    store._link.rows("SELECT set_config('default_transaction_read_only', 'on', false)")
    with pytest.raises(BooksUnusable, match="cannot execute DELETE in a read-only transaction"):
        store.write([entry("a")])


def test_a_wrong_password_is_told_and_not_shown(url: str, postgres: Postgres) -> None:
    wrong = url.replace(":pass", ":Tr0ub4dor")
    with pytest.raises(BooksBusy, match="password authentication failed") as found:
        PostgresStore(Address(wrong))
    assert "Tr0ub4dor" not in written(found.value)
    assert "Tr0ub4dor" not in repr(Address(wrong))
    assert "KANOA_MLOPS_BOOKS" in found.value.hint


def test_a_server_that_is_not_there_is_told(unused_port: int) -> None:
    with pytest.raises(BooksBusy, match=r"database books on 127\.0\.0\.1:.* cannot be reached: .*refused"):
        PostgresStore(Address(f"postgresql://kanoa:Tr0ub4dor@127.0.0.1:{unused_port}/books"))


@pytest.fixture
def unused_port() -> int:
    """Nobody listens there: it needs rights that few have."""
    return 1


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example("%aa", "postgresql://kanoa:{}Tr0ub4dor@127.0.0.1:1/books")
@given(
    st.text("abc%@:/?#[]= &\\'\"\0é", min_size=1),
    st.sampled_from(
        [
            "postgresql://kanoa:{}Tr0ub4dor@127.0.0.1:1/books",
            "postgresql://kanoa@127.0.0.1:1/books?password={}Tr0ub4dor",
            "postgresql://kanoa:Tr0ub4dor@[{}",
            "{}Tr0ub4dor",
        ]
    ),
)
def test_no_address_is_ever_shown(letters: str, form: str) -> None:
    address = Address(form.format(letters))
    assert "Tr0ub4dor" not in repr(address)
    with pytest.raises(KanoaError) as found:
        PostgresStore(address)
    assert "Tr0ub4dor" not in written(found.value)


def test_the_password_may_be_in_a_file_that_changes(url: str, postgres: Postgres, tmp_path: Path) -> None:
    word = tmp_path / "password"
    word.write_text(f"{postgres.password}\nnothing else\n")
    address = Address(url.replace(url.partition("kanoa:")[2].partition("@")[0], "wrong"), word)
    store = PostgresStore(address)
    assert store.all_keys() == []
    store.close()
    word.write_text("another")
    with pytest.raises(BooksBusy, match="password authentication failed"):
        store.all_keys()
    word.unlink()
    with pytest.raises(SettingsError, match=r"cannot be read from .*password: No such file") as found:
        store.all_keys()
    assert "KANOA_MLOPS_BOOKS_PASSWORD_FILE" in found.value.hint


@pytest.mark.parametrize("way", ["PGPASSWORD", "PGPASSFILE"])
def test_the_password_may_be_where_libpq_looks(
    url: str, postgres: Postgres, tmp_path: Path, way: str
) -> None:
    file = tmp_path / "pgpass"
    file.write_text(f"127.0.0.1:*:*:kanoa:{postgres.password}\n")
    file.chmod(0o600)
    os.environ[way] = postgres.password if way == "PGPASSWORD" else str(file)
    bare = f"postgresql://kanoa@127.0.0.1:{postgres.port}/{url.rpartition('/')[2]}"
    PostgresStore(Address(bare)).close()


def test_what_concerns_nobody_else_makes_nobody_look(url: str, store: PostgresStore) -> None:
    """Requests that cost nothing, and states: they are many. A file tells only that something changed."""
    other = PostgresStore(Address(url))
    other.update({"a": lambda state, now: {"b": 1}})
    other.write([entry("free")])
    assert not store.changed()
    other.write([entry("free too"), entry("paid", micro=1)])
    assert store.changed()
    other.write([Reservation("r", NOON, "anna", "groq", 1)])
    assert store.changed()
    assert requests(store) == ["free", "free too", "paid"]
    other.close()


def test_requests_that_cost_nothing_wait_for_nobody(url: str, store: PostgresStore) -> None:
    hasty = PostgresStore(Address(url), patience=0.01)
    hold(store)
    hasty.write([entry("free")])
    with pytest.raises(BooksBusy, match="is held by another process"):
        hasty.write([entry("paid", micro=1)])
    let_go(store)
    assert requests(store) == ["free"]
    hasty.close()
