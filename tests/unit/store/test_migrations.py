"""The schema: what the migrations make is what the tables say, from anywhere and back."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import JSON, ColumnClause, Connection, column, create_engine, insert, inspect
from sqlalchemy import table as sql_table

from qbdispatch.store import claims, engine, mirror
from qbdispatch.store.engine import Store, StoreUnavailable
from qbdispatch.store.tables import metadata
from tests.rig.postgres import Postgres
from tests.unit.store.builders import claim, hybrid, opened

pytestmark = pytest.mark.both_stores

FOLDER = str(Path(engine.__file__).with_name("migrations"))


def differences(store: Store) -> list[object]:
    """How the database differs from `tables`, types, indexes and NULLs included."""
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def migrate(store: Store, revision: str) -> None:
    """Go up or down to a revision, in one transaction as the store does it."""
    config = Config()
    config.set_main_option("script_location", FOLDER)
    with store.write() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if revision == "base" else command.upgrade)(config, revision)


@contextmanager
def plainly(url: str) -> Iterator[Connection]:
    """The database without a store around it."""
    engine = create_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def tables_of(url: str) -> set[str]:
    with plainly(url) as connection:
        return set(inspect(connection).get_table_names())


@pytest.fixture
def new_url(store_url: str, request: pytest.FixtureRequest) -> str:
    """A database without any table."""
    if store_url.startswith("sqlite"):
        return store_url
    server: Postgres = request.getfixturevalue("postgres")
    return server.create_database(f"new_{uuid.uuid4().hex}")


def test_a_new_store_is_what_the_tables_say(store: Store) -> None:
    """No column, type, index or constraint is missing or too much."""
    assert differences(store) == []


def test_opening_an_existing_store_keeps_what_is_in_it(store: Store, store_url: str) -> None:
    """The second upgrade finds nothing to do."""
    with store.write() as connection:
        claim(connection, hybrid(1))
    with opened(store_url) as again:
        assert differences(again) == []
        with again.read() as connection:
            assert len(claims.on_node(connection, "a")) == 1


def test_migrations_go_down_and_up_again(new_url: str) -> None:
    """All the way down nothing of ours is left; up again it is whole."""
    with opened(new_url) as store:
        migrate(store, "base")
        assert tables_of(new_url) == {"alembic_version"}
        migrate(store, "head")
        assert differences(store) == []


def test_folders_of_torrents_that_were_listed_before_are_found(new_url: str) -> None:
    """They are taken from the rows, whatever a node has said there."""
    rows = {"a": {"save_path": "/d/tv"}, "b": {"save_path": "x" * 2000}, "c": {}, "d": {"save_path": None}}
    with opened(new_url) as store:
        migrate(store, "base")
        migrate(store, "0004")
        with store.write() as connection:
            common = {"node": "n", "revision": 1, "gone": False, "touched_at": 0.0}
            columns: list[ColumnClause[Any]] = [column(name) for name in (*common, "node_id", "hash")]
            table = sql_table("mirror", *columns, column("row", JSON))
            connection.execute(
                insert(table), [common | {"node_id": id_, "hash": id_, "row": rows[id_]} for id_ in rows]
            )
        migrate(store, "head")
        with store.read() as connection:
            found = {path: mirror.any_in_folder(connection, "n", [path]) for path in ("/d/tv", "/d", "x" * 2000)}
    assert found == {"/d/tv": True, "/d": False, "x" * 2000: True}


def test_a_migration_that_fails_leaves_nothing_behind(new_url: str) -> None:
    """It is one transaction: whoever clears the obstacle can start again."""
    with plainly(new_url) as connection:
        connection.exec_driver_sql("CREATE TABLE snapshots (mine TEXT)")
    with pytest.raises(StoreUnavailable, match=r'snapshots"? already exists'):
        Store(new_url)
    assert tables_of(new_url) == {"snapshots"}


def test_a_schema_from_a_newer_version_is_refused_and_left_as_it_is(new_url: str) -> None:
    """Whoever went back to an older version is told what to do."""
    Store(new_url).close()
    with plainly(new_url) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreUnavailable, match=r"the schema 9999 of a newer version.*put back a backup"):
        Store(new_url)
    with plainly(new_url) as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "9999"
