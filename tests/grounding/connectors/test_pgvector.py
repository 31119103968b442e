from __future__ import annotations

import json
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from kanoa_mlops.errors import BadFilter, KanoaError, RetrieverFailed
from kanoa_mlops.grounding.connectors.pgvector import Pgvector
from kanoa_mlops.grounding.connectors.pgvector_table import PgvectorTable
from kanoa_mlops.grounding.filters import Comparison, Filter, Value
from kanoa_mlops.grounding.types import Space
from tests.grounding.connectors.embedder import Hashing
from tests.grounding.filtering import attributes, filters
from tests.postgres import Postgres

MODEL = Hashing()
_TABLE = """
    CREATE EXTENSION vector;
    CREATE SCHEMA lab;
    CREATE TABLE lab."Notes 100%" (
        id INTEGER GENERATED ALWAYS AS IDENTITY, body TEXT, uri TEXT, heading_of TEXT, leaf INTEGER,
        year INTEGER, ratio DOUBLE PRECISION, is_draft BOOLEAN, author TEXT, made DATE DEFAULT '2026-11-28',
        more JSON, near vector(4)
    )
"""
_LANGCHAIN = """
    CREATE EXTENSION IF NOT EXISTS vector;
    CREATE TABLE langchain_pg_collection (
        uuid UUID PRIMARY KEY, name VARCHAR UNIQUE NOT NULL, cmetadata JSON
    );
    CREATE TABLE langchain_pg_embedding (
        id VARCHAR PRIMARY KEY,
        collection_id UUID REFERENCES langchain_pg_collection (uuid) ON DELETE CASCADE,
        embedding vector, document VARCHAR, cmetadata JSONB
    );
    INSERT INTO langchain_pg_collection VALUES ('00000000-0000-0000-0000-000000000001', 'papers', '{}');
    INSERT INTO langchain_pg_collection VALUES ('00000000-0000-0000-0000-000000000002', 'secret', '{}')
"""
_KINDS = {
    "year": st.integers(-(2**31), 2**31 - 1),
    "ratio": st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False),
    "is_draft": st.booleans(),
    "author": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=4),
}


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    with postgres.database() as url:
        for statement in _TABLE.split(";"):
            postgres.execute(statement, url)
        yield url


_OPEN: list[PgvectorTable] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _OPEN:
        _OPEN.pop().close()


def opened(entry: Pgvector, model: Hashing = MODEL) -> PgvectorTable:
    store = entry.joined("lab", model)
    _OPEN.append(store)
    return store


def table(url: str, *, model: Hashing = MODEL, **more: Any) -> PgvectorTable:
    given = {
        "table": "lab.Notes 100%",
        "text_column": "body",
        "embedding_column": "near",
        "source_column": "uri",
    }
    whole = {"url": url, "embedding_model": model.space.model, **given, **more}
    entry = Pgvector.model_validate(whole)
    return opened(entry, model)


def keep(url: str, text: str, more: Mapping[str, object] | None = None, **columns: object) -> None:
    columns = {"body": text, "uri": f"{text}.md", **columns}
    if more is not None:
        columns["more"] = json.dumps(more)
    columns["near"] = json.dumps(MODEL.query(text).tolist())
    question = sql.SQL('INSERT INTO lab."Notes 100%%" ({}) VALUES ({})').format(
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(sql.Placeholder() * len(columns)),
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(question, list(columns.values()))


def test_what_is_nearest_comes_first_with_all_that_is_known_of_it(url: str) -> None:
    keep(url, "drift", {"topic": "sensors"}, heading_of="Drift", leaf=3, year=2026, is_draft=False)
    keep(url, "noise")
    found = table(
        url,
        title_column="heading_of",
        page_column="leaf",
        id_column="id",
        attribute_columns=["year", "is_draft", "made"],
        attributes_column="more",
    ).search("drift")
    assert [passage.text for passage in found] == ["drift", "noise"]
    first = found[0]
    assert (first.source, first.title, first.page, first.chunk_id, first.store) == (
        "drift.md",
        "Drift",
        3,
        "1",
        "lab",
    )
    assert first.score == pytest.approx(1.0)
    assert first.attributes["topic"] == "sensors"
    assert (first.attributes["year"], first.attributes["is_draft"]) == (2026, False)
    assert first.attributes["made"] == "2026-11-28"
    assert table(url).search("noise", k=1)[0].text == "noise"


@pytest.mark.parametrize(("distance", "best"), [("cosine", 1.0), ("l2", 1.0), ("inner_product", 1.0)])
def test_of_every_distance_the_higher_score_is_the_nearer(url: str, distance: str, best: float) -> None:
    for text in ("drift", "noise", "limits"):
        keep(url, text)
    scores = [passage.score for passage in table(url, distance=distance).search("drift")]
    assert scores[0] == pytest.approx(best, abs=1e-3)
    assert scores == sorted(scores, key=lambda score: -(score or 0))


def test_rows_without_a_vector_are_no_answer(url: str, postgres: Postgres) -> None:
    keep(url, "drift")
    postgres.execute("""INSERT INTO lab."Notes 100%" (body, uri) VALUES ('no vector', 'x')""", url)
    assert [passage.text for passage in table(url).search("drift")] == ["drift"]


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    columns=st.lists(st.fixed_dictionaries({}, optional=_KINDS), min_size=1, max_size=6),
    more=attributes(),
    where=filters(keys=("year", "ratio", "is_draft", "author", "topic")),
)
def test_a_filter_lets_through_what_it_should(
    url: str, postgres: Postgres, columns: list[dict[str, Any]], more: dict[str, Value], where: Filter
) -> None:
    postgres.execute('TRUNCATE lab."Notes 100%"', url)
    others = {f"x{key}": value for key, value in more.items()} | {"topic": more.get("author", 1)}
    for number, each in enumerate(columns):
        keep(url, str(number), others if number % 2 else None, **each)
    store = table(url, attribute_columns=list(_KINDS), attributes_column="more")
    found = {passage.text for passage in store.search("any", k=50, filters=where)}
    held = [each | (others if number % 2 else {}) for number, each in enumerate(columns)]
    store.close()
    assert found == {str(number) for number, each in enumerate(held) if where.passes(each)}


def test_through_an_index_a_narrow_filter_still_finds_all(url: str, postgres: Postgres) -> None:
    postgres.execute(
        """INSERT INTO lab."Notes 100%" (body, uri, year, near)
        SELECT n, n, n % 500, ARRAY[cos(n), sin(n), cos(2 * n), sin(3 * n)]::vector(4)
        FROM generate_series(1, 5000) AS n""",
        url,
    )
    postgres.execute('CREATE INDEX ON lab."Notes 100%" USING hnsw (near vector_cosine_ops)', url)
    postgres.execute('VACUUM ANALYZE lab."Notes 100%"', url)
    store = table(url, attribute_columns=["year"])
    assert len(store.search("any", k=10)) == 10
    found = store.search("any", k=10, filters=Comparison("eq", "year", 7))
    assert {passage.attributes["year"] for passage in found} == {7}
    assert len(found) == 10


def test_an_attribute_of_no_column_cannot_be_asked_for(url: str) -> None:
    with pytest.raises(BadFilter, match=r"No attribute 'owner' of lab.Notes 100% .*those that can: year\."):
        table(url, attribute_columns=["year"]).search("x", filters=Comparison("ne", "owner", "eve"))


def test_another_model_is_named(url: str) -> None:
    keep(url, "drift")
    other = Hashing(Space("model-b", 3))
    with pytest.raises(RetrieverFailed, match=r"holds vectors of 4 dimensions, and those of model-b have 3"):
        table(url, model=other).search("drift")


def test_the_table_of_another_is_not_changed(url: str) -> None:
    keep(url, "drift")
    store = table(url)
    store.search("drift")
    with store._server.lent() as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute('DELETE FROM lab."Notes 100%"')


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"table": "lab.nothing"}, 'has no table "lab"."nothing" with a column \'near\''),
        ({"embedding_column": "body"}, "with a column 'body' of pgvector"),
        ({"text_column": "nothing"}, 'refused: column "nothing" does not exist'),
        ({"attribute_columns": ['x"; DROP TABLE lab; --']}, "does not exist"),
    ],
)
def test_what_is_not_there_is_named(url: str, more: dict[str, Any], said: str) -> None:
    with pytest.raises(RetrieverFailed) as error:
        table(url, **more).search("drift")
    assert said in str(error.value)


def test_a_wrong_password_is_told_and_not_said(url: str, postgres: Postgres, tmp_path: Path) -> None:
    wrong = postgres.url(url.rpartition("/")[2], password="wr0ng-secret")
    with pytest.raises(
        RetrieverFailed, match=r"cannot be reached: .*password authentication failed"
    ) as error:
        table(wrong).search("drift")
    text = "".join(traceback.format_exception(error.value)) + repr(table(wrong)) + repr(table(wrong)._entry)
    assert "wr0ng-secret" not in text
    file = tmp_path / "password"
    file.write_text(postgres.password + "\n")
    file.chmod(0o600)
    keep(url, "drift")
    assert table(wrong, password_file=file).search("drift")


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(RetrieverFailed, match="cannot be reached") as error:
        table("postgresql://ben@127.0.0.1:1/nothing").search("drift")
    assert isinstance(error.value, KanoaError)


def test_a_collection_of_langchains_is_read_as_it_is(postgres: Postgres) -> None:
    with postgres.database() as url:
        for statement in _LANGCHAIN.split(";"):
            postgres.execute(statement, url)
        with psycopg.connect(url, autocommit=True) as connection:
            for number, text in enumerate(["drift", "noise", "hidden"]):
                near = json.dumps(MODEL.query(text).tolist())
                kept = json.dumps({"source": f"{text}.pdf", "page": number, "year": 2020 + number})
                whose = f"00000000-0000-0000-0000-00000000000{2 if text == 'hidden' else 1}"
                connection.execute(
                    "INSERT INTO langchain_pg_embedding VALUES (%s, %s, %s, %s, %s)",
                    (f"id-{text}", whose, near, text, kept),
                )
        given: dict[str, Any] = {"url": url, "embedding_model": "model-a"}
        store = opened(Pgvector.model_validate({"langchain_collection": "papers", **given}))
        found = store.search("drift")
        assert [(p.text, p.source, p.page, p.chunk_id) for p in found] == [
            ("drift", "drift.pdf", 1, "id-drift"),
            ("noise", "noise.pdf", 2, "id-noise"),
        ]
        assert [p.text for p in store.search("drift", filters=Comparison("gte", "year", 2021))] == ["noise"]
        with pytest.raises(RetrieverFailed, match="no collection 'paper' of LangChain's"):
            opened(Pgvector.model_validate({"langchain_collection": "paper", **given})).search("drift")
        with pytest.raises(
            RetrieverFailed, match="holds vectors of 4 dimensions, and those of model-b have 3"
        ):
            other = Pgvector.model_validate({"langchain_collection": "papers", **given})
            opened(other, Hashing(Space("model-b", 3))).search("drift")
