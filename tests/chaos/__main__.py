"""`python -m tests.chaos --seconds 60 --seed 1 --database sqlite`: one run, its figures, and exit status 1 on a
violation, then with the schedule and the history of each torrent concerned."""

from __future__ import annotations

import argparse
import signal
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.chaos.history import Verb
from tests.chaos.run import Report, run

_VERBS: tuple[Verb, ...] = ("add", "list", "sync", "delete")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--keep", type=Path, help="an empty folder for the log and, with sqlite, the store")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupted)
    print(f"chaos: seed {options.seed}, {options.seconds:g} s, {options.database}", flush=True)
    report = run(seconds=options.seconds, seed=options.seed, database=options.database, keep=options.keep)
    print(figures(report))
    print(faults(report))
    print(f"chaos: seed {options.seed}: {'all promises kept' if report.is_clean else 'BROKEN'}")
    return 0 if report.is_clean else 1


def figures(report: Report) -> str:
    """The run in a table."""
    lines = [f"{'':8}{'calls':>7}{'longest':>10}{'median':>10}  told"]
    for verb in _VERBS:
        calls = report.history.of(verb)
        took = sorted(call.seconds for call in calls) or [0.0]
        told = ", ".join(f"{count} {outcome}" for outcome, count in report.history.outcomes(verb).most_common())
        lines.append(f"{verb:8}{len(calls):>7}{took[-1]:>8.2f} s{took[len(took) // 2]:>8.3f} s  {told}")
    full = ", ".join(f"{name} {share:.0%}" for name, share in sorted(report.room.items()))
    torrents = report.history.torrents.values()
    accepted = sum(one.accepted_at is not None for one in torrents)
    deleted = sum(one.deleted_at is not None for one in torrents)
    lines.append(f"{len(torrents)} torrents, {accepted} accepted, {deleted} deleted; {len(report.schedule)} faults,")
    lines.append(f"{report.harmed} requests to nodes harmed; fullest: {full} ({report.samples} samples);")
    lines.append(f"{len(report.forgotten)} lost by nodes that were killed within 2 s of their answer;")
    lines.append(f"settled {report.settled_seconds:.1f} s after the last fault")
    return "\n".join(lines)


def faults(report: Report) -> str:
    """The violations, each with all that is known of its torrent."""
    if report.is_clean:
        return ""
    kinds = Counter(violation.kind for violation in report.violations)
    lines = [f"{len(report.violations)} violations:", *(f"{count:5} x {kind}" for kind, count in kinds.items())]
    lines.append("the first of each kind:")
    firsts = {violation.kind: violation for violation in reversed(report.violations)}
    for violation in firsts.values():
        lines.append(f"- {violation.text}")
        if violation.torrent is not None:
            one = violation.torrent
            lines.append(f"  {one.made.name}, v1 {one.made.v1}, v2 {one.made.v2}, {one.size_bytes} bytes")
            lines += [f"    {event}" for event in one.events[:40]]
    lines.append("what fell when:")
    lines += [f"    {at:.3f} ({datetime.fromtimestamp(at, UTC):%H:%M:%S}) {text}" for at, text in report.history.faults]
    return "\n".join(lines)


def _interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
