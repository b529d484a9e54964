"""Where the store is."""

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


@pytest.mark.parametrize("url", ["postgresql://u:hunter2@h/db", "mysql://h", "sqlite+pysqlite:///x", "q.sqlite3"])
def test_other_databases_are_refused_for_now(url: str) -> None:
    """The fault says when PostgreSQL comes, and nothing of the address."""
    message = faults_of(f"{NODE}database_url: {url}\n")["database_url"]
    assert "PostgreSQL comes with" in message
    assert "hunter2" not in message


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
