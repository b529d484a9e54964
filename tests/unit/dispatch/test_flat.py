"""What one submission costs the store does not grow with what it has in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from qbdispatch.dispatch.dispatcher import Status
from tests.rig.disks import GIB
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import make_torrent
from tests.unit.dispatch.bench import Bench, put
from tests.unit.dispatch.conftest import BenchMaker

GROWING = ("mirror", "placements", "decisions", "vanished", "details")
Statement = tuple[str, Any]


@contextmanager
def statements() -> Iterator[list[Statement]]:
    """All that is asked of any database meanwhile."""
    found: list[Statement] = []

    def note(*call: Any) -> None:
        found.append((call[2], call[3]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def scans(bench: Bench, asked: list[Statement]) -> list[str]:
    """The statements for which SQLite reads one of the growing tables from end to end."""
    found = []
    with bench.store.read() as connection:
        for text, values in asked:
            if not text.startswith(("SELECT", "UPDATE", "DELETE")):
                continue
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)
            if any(row.detail.startswith(tuple(f"SCAN {table}" for table in GROWING)) for row in plan):
                found.append(text)
    return found


def test_no_submission_reads_a_table_that_grows(make_bench: BenchMaker, scripted: Callable[..., ScriptedNode]) -> None:
    """Not even one that looks for the node with its data, nor what fits nowhere and is held, and with no more
    statements whether there are torrents already or not."""
    node = scripted(name="a", free_gib=100)
    bench = make_bench(node, hold={"enabled": True})
    fields = {"savepath": "/elsewhere", "skip_checking": "true"}
    counts = []
    for round_ in range(2):
        with statements() as asked:
            assert bench.submit(make_torrent(f"t{round_}", GIB), **fields).status is Status.ACCEPTED
        assert scans(bench, asked) == []
        counts.append(len(asked))
        for number in range(20):
            put(node, make_torrent(f"{number}", GIB // 8))
        bench.poll(full=True)
    assert counts[1] <= counts[0]
    with statements() as asked:
        assert bench.submit(make_torrent("big", 900 * GIB)).status is Status.HELD
        bench.submit(make_torrent("next", GIB))
    assert scans(bench, asked) == []
