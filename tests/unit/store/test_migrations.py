"""The schema: what the migrations make is what the tables say, from anywhere and back."""

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from qbdispatch.store import claims, engine
from qbdispatch.store.engine import Store, StoreUnavailable
from qbdispatch.store.tables import metadata
from tests.unit.store.builders import claim, hybrid, opened

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


def tables_of(path: Path) -> set[str]:
    plain = sqlite3.connect(path)
    names = {name for (name,) in plain.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    plain.close()
    return names


def test_a_new_store_is_what_the_tables_say(store: Store) -> None:
    """No column, type, index or constraint is missing or too much."""
    assert differences(store) == []


def test_opening_an_existing_store_keeps_what_is_in_it(store: Store, tmp_path: Path) -> None:
    """The second upgrade finds nothing to do."""
    with store.write() as connection:
        claim(connection, hybrid(1))
    with opened(tmp_path / "store.sqlite3") as again:
        assert differences(again) == []
        with again.read() as connection:
            assert len(claims.on_node(connection, "a")) == 1


def test_migrations_go_down_and_up_again(store: Store, tmp_path: Path) -> None:
    """All the way down nothing of ours is left; up again it is whole."""
    migrate(store, "base")
    assert tables_of(tmp_path / "store.sqlite3") == {"alembic_version"}
    migrate(store, "head")
    assert differences(store) == []


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """It is one transaction: whoever clears the obstacle can start again."""
    path = tmp_path / "store.sqlite3"
    plain = sqlite3.connect(path)
    plain.execute("CREATE TABLE snapshots (mine TEXT)")
    plain.close()
    with pytest.raises(StoreUnavailable, match="snapshots already exists"):
        Store(f"sqlite:///{path}")
    assert tables_of(path) == {"snapshots"}


def test_a_schema_from_a_newer_version_is_refused_and_left_as_it_is(store: Store, tmp_path: Path) -> None:
    """Whoever went back to an older version is told what to do."""
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreUnavailable, match=r"the schema 9999 of a newer version.*put back a backup"):
        Store(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "9999"
