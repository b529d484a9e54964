"""A short run of the chaos that `make chaos` lets loose for longer: its promises hold, and it leaves nothing behind."""

import pytest

from tests.chaos.__main__ import faults, figures
from tests.chaos.history import Outcome
from tests.chaos.run import run
from tests.rig.availability import VERSIONS, require
from tests.rig.postgres import binaries

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
SECONDS = 60
SEED = 5


def test_two_dispatchers_keep_their_promises_while_everything_is_killed_and_cut_off() -> None:
    """Nodes, connections, workers, dispatchers and PostgreSQL fail by a schedule while clients add, list and delete."""
    for version in VERSIONS:
        require(version)
    assert binaries() is not None, "no PostgreSQL server is installed; run scripts/setup as root"
    report = run(seconds=SECONDS, seed=SEED, database="postgresql", wait_for_doubts=False)
    print(figures(report))
    assert report.is_clean, faults(report)
    assert report.history.outcomes("add")[Outcome.ACCEPTED] > SECONDS
