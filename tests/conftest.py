"""Fixtures that every kind of test shares: settings from a real file, a store, scripted nodes, an app over them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml
from flask import Flask
from sqlalchemy import NullPool, create_engine, inspect

from qbdispatch.app import create_app
from qbdispatch.config.loader import load_settings
from qbdispatch.config.settings import Settings
from qbdispatch.dispatch.watcher import Watcher
from qbdispatch.services import EXTENSION, Services
from qbdispatch.store.engine import Store
from qbdispatch.store.tables import metadata
from tests.rig.availability import require_postgres
from tests.rig.postgres import Postgres
from tests.rig.scripted import ScriptedNode

# How long an example takes says nothing on a machine that runs several tests at once.
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.load_profile("here")

SettingsMaker = Callable[..., Settings]
AppMaker = Callable[..., Flask]


def node_entry(node: Any, **changes: Any) -> dict[str, Any]:
    """The configuration of a real or scripted node."""
    return {"name": node.name, "url": node.url, "username": node.username, "password": node.password} | changes


@pytest.fixture
def make_settings(tmp_path: Path) -> SettingsMaker:
    """Settings as the loader makes them from a file; `nodes` are configuration entries, the rest top-level keys."""

    def make(nodes: list[dict[str, Any]], **more: Any) -> Settings:
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump({"nodes": nodes, **more}))
        return load_settings(path, environ={})

    return make


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for all tests of this process."""
    require_postgres()
    with Postgres() as server:
        yield server


@pytest.fixture
def empty_database(postgres: Postgres) -> str:
    """The address of a database at the newest schema with nothing in it. It is one and the same for all tests:
    emptying its tables is quicker than a new database."""
    engine = create_engine(postgres.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        if set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}:
            names = ", ".join(f'"{name}"' for name in metadata.tables)
            connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")
        else:  # nothing is there yet, or a test has taken a table away
            connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            Store(postgres.url).close()
    return postgres.url


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store is or will be: in a file, or in PostgreSQL for tests with the mark `both_stores`, which
    run once on each."""
    if getattr(request, "param", "sqlite") == "postgresql":
        return str(request.getfixturevalue("empty_database"))
    return f"sqlite:///{tmp_path / 'store.sqlite3'}"


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store at the newest schema."""
    opened = Store(store_url)
    yield opened
    opened.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked so on both kinds of database."""
    if "store_url" in metafunc.fixturenames and metafunc.definition.get_closest_marker("both_stores"):
        metafunc.parametrize("store_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def scripted() -> Iterator[Callable[..., ScriptedNode]]:
    """Makes scripted nodes that are closed at the end."""
    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(ScriptedNode(*args, **kwargs))


@pytest.fixture
def make_app(make_settings: SettingsMaker) -> Iterator[AppMaker]:
    """Apps over the given nodes, each node polled once; no thread polls, see `poll`."""
    apps: list[Flask] = []

    def make(nodes: list[dict[str, Any]], *, polled: bool = True, **more: Any) -> Flask:
        app = create_app(make_settings(nodes, **more))
        apps.append(app)
        if polled:
            poll(app)
        return app

    yield make
    for app in apps:
        app.extensions[EXTENSION].store.close()


def poll(app: Flask, *names: str) -> None:
    """Let a fresh leader poll these nodes (all, if none is named) once, in full."""
    services: Services = app.extensions[EXTENSION]
    for name in names or services.fleet.members:
        access = services.fleet.members[name]
        Watcher(access, services.fleet, services.store, services.settings.sync, lambda _: True).tick()
