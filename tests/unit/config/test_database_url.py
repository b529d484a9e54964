"""Where the store is."""

import sys
from pathlib import Path

import pytest

from qbdispatch.config import load_settings
from tests.unit.config.helpers import NODE, faults_of


def database_url(folder: Path, text: str = "", environ: dict[str, str] | None = None) -> str:
    (folder / "config.yaml").write_text(NODE + text)
    return load_settings(folder / "config.yaml", environ or {}).database_url


def test_by_default_it_is_beside_the_configuration(tmp_path: Path) -> None:
    """An absolute path, whatever the working directory."""
    assert database_url(tmp_path) == f"sqlite:///{tmp_path}/qbdispatch.sqlite3"


def test_a_relative_configuration_path_still_gives_an_absolute_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All workers open the same file."""
    (tmp_path / "config.yaml").write_text(NODE)
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={}).database_url == f"sqlite:///{tmp_path}/qbdispatch.sqlite3"


@pytest.mark.parametrize("text", ["", "database_url: null\n"])
def test_the_data_folder_takes_it_where_one_is_named(tmp_path: Path, text: str) -> None:
    """The image sets QBDISPATCH_DATA=/data, its volume."""
    assert database_url(tmp_path, text, {"QBDISPATCH_DATA": "/data"}) == "sqlite:////data/qbdispatch.sqlite3"


def test_what_is_written_goes_before_the_data_folder(tmp_path: Path) -> None:
    """Absolute stays as it is; relative starts at the configuration."""
    environ = {"QBDISPATCH_DATA": "/data"}
    assert database_url(tmp_path, "database_url: sqlite:////srv/q.db\n", environ) == "sqlite:////srv/q.db"
    assert database_url(tmp_path, "database_url: sqlite:///q/r.db\n", environ) == f"sqlite:///{tmp_path}/q/r.db"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://u:p%40ss@db.example/qb",
        "postgresql+psycopg://u@[::1]:5433/qb?sslmode=require",
        "postgresql+psycopg://db/qb",
    ],
)
def test_a_postgresql_database_is_taken_as_it_is(tmp_path: Path, url: str) -> None:
    """No folder is put in front of it."""
    assert database_url(tmp_path, f"database_url: {url}\n", {"QBDISPATCH_DATA": "/data"}) == url


@pytest.mark.parametrize(
    "url", ["postgresql://u:hunter2@h/db", "postgres://u:hunter2@h/db", "postgresql+asyncpg://h/db"]
)
def test_other_drivers_of_postgresql_are_told_the_right_one(url: str) -> None:
    """What most people write first; nothing of the address is in the message."""
    message = faults_of(f"{NODE}database_url: {url}\n")["database_url"]
    assert "postgresql+psycopg://" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("url", ["mysql://u:hunter2@h", "q.sqlite3"])
def test_other_databases_are_refused(url: str) -> None:
    """The fault says what there is, and nothing of the address."""
    message = faults_of(f"{NODE}database_url: {url}\n")["database_url"]
    assert "sqlite:" in message
    assert "postgresql+psycopg://" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("end", ["", "/", "h", "h/", "/db", "h:x/db", "u:hunter2@h:0/db"])
def test_a_postgresql_address_without_host_or_database_is_refused(end: str) -> None:
    """The driver would guess both from the user's name and the environment."""
    message = faults_of(f"{NODE}database_url: 'postgresql+psycopg://{end}'\n")["database_url"]
    assert "HOST/DATABASE" in message
    assert "hunter2" not in message


def test_an_at_sign_in_the_password_has_to_be_escaped() -> None:
    """The driver would take what follows it for the host, which is told when it cannot be found."""
    message = faults_of(f"{NODE}database_url: 'postgresql+psycopg://u:hun@ter2@h/db'\n")["database_url"]
    assert "%40" in message
    assert "ter2" not in message


def test_without_the_driver_the_fault_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    message = faults_of(f"{NODE}database_url: postgresql+psycopg://h/db\n")["database_url"]
    assert "pip install 'qbdispatch[postgresql]'" in message


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite:////",
        "sqlite://x.db",
        "sqlite:///:memory:",
        "sqlite:///x?mode=ro",
        "sqlite:///d/",
    ],
)
def test_what_is_not_a_file_all_workers_can_open_is_refused(url: str) -> None:
    """A database in memory would be another one in each worker."""
    assert "all workers" in faults_of(f"{NODE}database_url: '{url}'\n")["database_url"]
