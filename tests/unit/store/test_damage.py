"""A damaged file is kept aside, what can be read of it is saved, and a new store takes its place, once."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from qbdispatch.store import claims, decisions, health, placements
from qbdispatch.store.damage import find_fault
from qbdispatch.store.engine import Store, StoreUnavailable
from qbdispatch.store.secrets import shared_secret
from qbdispatch.store.trial import OPENED
from tests.rig.dispatcher import REPOSITORY
from tests.unit.dispatch.bench import now
from tests.unit.store.builders import claim, hybrid, opened

PAGE_BYTES = 4096
DECISIONS = 300
Damage = Callable[[Path], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with something in it, closed in order."""
    file = tmp_path / "store.sqlite3"
    with opened(f"sqlite:///{file}") as store:
        shared_secret(store, "cookies")
        with store.write() as connection:
            health.register(connection, ["a", "b"])
            health.set_draining(connection, "b", True)
            health.record_answer(connection, "a", 1000.0)
            claim(connection, hybrid(1), phase=claims.Phase.DOUBT)
            placements.record(connection, "a", hybrid(2), name="two", placed_at=1.0, decision_id="d1")
            for number in range(DECISIONS):
                document = {"status": "accepted", "selected_node": "a", "hash": "0" * 40, "text": "x" * 3000}
                decisions.keep(connection, f"d{number}", document, decided_at=float(number))
    return file


def pages_of(path: Path, table: str) -> list[int]:
    """The numbers of the pages that hold a table's rows, from 0 on, the root first. Found as no tool of Debian's
    SQLite tells them: a page that begins with 13 or 5 belongs to a table; the rows say to which."""
    content = path.read_bytes()
    marker = {"decisions": b'"text": "xxx', "secrets": b"cookies"}[table]
    starts = range(0, len(content), PAGE_BYTES)
    return [at // PAGE_BYTES for at in starts if content[at] == 13 and marker in content[at : at + PAGE_BYTES]]


def overwrite(path: Path, page: int, count: int = 1) -> None:
    with path.open("r+b") as file:
        file.seek(page * PAGE_BYTES)
        file.write(b"\xde\xad\xbe\xef" * (PAGE_BYTES // 4 * count))


def aside(path: Path) -> Path:
    (kept,) = [one for one in path.parent.glob("*.damaged-*") if not one.name.endswith(("-wal", "-shm"))]
    return kept


def kept_decisions(store: Store) -> int:
    with store.read() as connection:
        return len(decisions.newest(connection, 10_000))


def read_all(store: Store) -> None:
    with store.read() as connection:
        for table in ("decisions", "claims", "placements", "node_states"):
            connection.execute(text(f"SELECT * FROM {table}")).all()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(b"this is no database, but long enough " * 200), "not a database"),
        (lambda path: path.write_bytes(b"short"), "not a database"),
        (lambda path: path.write_bytes(path.read_bytes()[: 20 * PAGE_BYTES]), "malformed|invalid|never|btree|Tree"),
        (lambda path: overwrite(path, 0), "not a database"),
        (lambda path: overwrite(path, 1, 40), "malformed|btree|Tree|invalid"),
    ],
    ids=["text", "short", "truncated", "no header", "garbage"],
)
def test_a_damaged_file_is_kept_and_replaced(
    path: Path, caplog: pytest.LogCaptureFixture, damage: Damage, words: str
) -> None:
    """Byte by byte as it was, beside a store that works; the log tells both, and nothing else is left behind."""
    damage(path)
    content = path.read_bytes()
    with opened(f"sqlite:///{path}") as store, store.write() as connection:
        claim(connection, hybrid(3))
        health.register(connection, ["a", "b"], now())
        assert abs(now() - health.begun_at(connection)) < 60
    assert aside(path).read_bytes() == content
    assert find_fault(path) is None
    assert f"{path} is damaged (" in caplog.text
    assert f"is kept as {aside(path)}" in caplog.text
    assert any(word in caplog.text for word in words.split("|"))
    assert {one.name for one in path.parent.iterdir()} == {path.name, f"{path.name}.lock", aside(path).name}


def test_what_can_be_read_is_saved(path: Path) -> None:
    """One page in the middle of the decisions is gone: all before and all after it are there, and everything else.
    A node counts as not seen yet."""
    with opened(f"sqlite:///{path}") as store:
        secret = shared_secret(store, "cookies")
    pages = pages_of(path, "decisions")
    overwrite(path, pages[len(pages) // 2])
    with opened(f"sqlite:///{path}") as store:
        assert 0.9 * DECISIONS < kept_decisions(store) < DECISIONS
        assert shared_secret(store, "cookies") == secret
        with store.read() as connection:
            (doubt,) = claims.on_node(connection, "a")
            assert (doubt.phase, doubt.v1) == (claims.Phase.DOUBT, hybrid(1).v1)
            assert [found.name for found in placements.on_node(connection, "a")] == ["two"]
            states = health.states(connection)
            assert (states["b"].draining, states["a"].seen_at, states["a"].up_since) == (True, None, None)
            assert abs(now() - health.begun_at(connection)) < 60


def test_changes_that_stand_in_the_log_file_are_saved_too(path: Path) -> None:
    """A crash leaves them there."""
    code = (
        "import os, sys; from qbdispatch.store.engine import Store; from tests.unit.store.builders import *\n"
        "store = Store(sys.argv[1])\n"
        "with store.write() as connection: claim(connection, hybrid(7), name='late')\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, f"sqlite:///{path}"], cwd=REPOSITORY, check=True)
    assert Path(f"{path}-wal").stat().st_size
    pages = pages_of(path, "decisions")
    overwrite(path, pages[len(pages) // 2])
    with opened(f"sqlite:///{path}") as store, store.read() as connection:
        assert [found.name for found in claims.on_node(connection, "a")] == ["", "late"]


def test_an_empty_file_beside_a_log_file_is_kept_with_it(path: Path) -> None:
    """SQLite by itself would delete the log file without a word."""
    Path(f"{path}-wal").write_bytes(b"what came last")
    path.write_bytes(b"")
    with opened(f"sqlite:///{path}"):
        assert Path(f"{aside(path)}-wal").read_bytes() == b"what came last"


def test_a_file_that_is_in_use_is_never_put_aside(path: Path) -> None:
    """The others would go on writing to it unseen: whoever meets the damage says what to do."""
    with opened(f"sqlite:///{path}") as store:
        overwrite(path, 1, 40)
        with pytest.raises(StoreUnavailable, match=r"is damaged .*: restart qbdispatch"), opened(f"sqlite:///{path}"):
            raise AssertionError("it was opened")
        with pytest.raises(StoreUnavailable, match=r"is damaged .*: restart qbdispatch"):
            read_all(store)
    assert list(path.parent.glob("*.damaged-*")) == []
    with opened(f"sqlite:///{path}"):
        assert aside(path).exists()


def test_of_workers_that_start_together_one_rebuilds(path: Path) -> None:
    """The others wait for it, and all work with the one new store."""
    overwrite(path, 1, 40)
    argv = [sys.executable, "-m", "qbdispatch.store.trial"]
    trials = [
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY, text=True)
        for _ in range(4)
    ]
    for trial in trials:
        assert trial.stdin is not None
        trial.stdin.write(f"sqlite:///{path}")
        trial.stdin.close()
    said = []
    for trial in trials:
        assert trial.stdout is not None
        said.append(trial.stdout.read())
        trial.stdout.close()
        trial.wait(30)
    assert said == [OPENED] * 4
    assert aside(path).exists()


def test_an_attempt_that_was_cut_off_is_finished(path: Path) -> None:
    """Between putting the old file aside and giving the new one its name."""
    path.rename(f"{path}.rebuilt")
    with opened(f"sqlite:///{path}") as store:
        assert kept_decisions(store) == DECISIONS


def test_a_sound_file_is_left_alone(path: Path) -> None:
    """However it was closed; nor is a file that is not there a damage."""
    assert find_fault(path) is None
    assert find_fault(path.with_name("other")) is None
    with opened(f"sqlite:///{path}") as store:
        assert kept_decisions(store) == DECISIONS
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert list(path.parent.glob("*.damaged-*")) == []
