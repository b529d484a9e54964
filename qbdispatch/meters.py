"""What each process measures of its own doing. What the store knows is in `dispatch.gauges`.

Under gunicorn the workers' figures are added up through files in the folder that PROMETHEUS_MULTIPROC_DIR names
(`spool`); without it they are this process's own. A meter that fails is logged and harms nobody: by then what it
measures has been done and must not be undone.
"""

import fcntl
import logging
import os
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, ParamSpec

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

Given = ParamSpec("Given")
log = logging.getLogger(__name__)
_own = CollectorRegistry()
_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_decision = Histogram(
    "qbdispatch_decision_seconds",
    "Time to decide and claim in one transaction, waiting for it included.",
    buckets=_QUICK,
    registry=_own,
)
_add = Histogram(
    "qbdispatch_add_seconds",
    "Time of an add to a node, asking it what came of that included.",
    ["node", "outcome"],
    buckets=_SLOW,
    registry=_own,
)
_request = Histogram(
    "qbdispatch_http_request_seconds", "Time to answer a request.", ["route"], buckets=_SLOW, registry=_own
)
_requests = Counter(
    "qbdispatch_http_requests_total", "Requests answered, by the first figure of the status.", ["route", "status"],
    registry=_own,
)  # fmt: skip
_poll = Histogram(
    "qbdispatch_poll_seconds", "Time of a poll of a node that succeeded.", ["node"], buckets=_SLOW, registry=_own
)
_exceptions = Counter(
    "qbdispatch_exceptions_total", "Failures that nobody foresaw; each is in the log.", ["where"], registry=_own
)
for _where in ("request", "leader", "watch", "chore"):
    _exceptions.labels(_where)  # told as 0 before the first: Prometheus sees no growth in what begins with 1


def _harmless(measure: Callable[Given, None]) -> Callable[Given, None]:
    def guarded(*args: Given.args, **kwargs: Given.kwargs) -> None:
        try:
            measure(*args, **kwargs)
        except Exception:  # a full disk under the files, say; nothing may follow from it
            log.warning("%s could not be measured", measure.__name__, exc_info=True)

    return guarded


@_harmless
def decision_took(seconds: float) -> None:
    """One transaction that decided and claimed."""
    _decision.observe(seconds)


@_harmless
def add_took(node: str, outcome: str, seconds: float) -> None:
    """One add to a node; `outcome` is an `adding.Fate`."""
    _add.labels(node, outcome).observe(seconds)


@_harmless
def answered(route: str, status_code: int, seconds: float) -> None:
    """One request; `route` is the endpoint's name, never a path."""
    _requests.labels(route, f"{status_code // 100}xx").inc()
    _request.labels(route).observe(seconds)


@_harmless
def poll_took(node: str, seconds: float) -> None:
    """One full or incremental poll."""
    _poll.labels(node).observe(seconds)


@_harmless
def failed(where: str) -> None:
    """An exception that ended in the log with its traceback."""
    _exceptions.labels(where).inc()


def registry() -> CollectorRegistry:
    """A registry of one's own with all the above in it: of all workers where they share a folder, else of this
    process."""
    found = CollectorRegistry()
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")  # the library's own switch, read by it on import
    found.register(_AllWorkers(Path(folder)) if folder else _own)
    return found


class _AllWorkers(Collector):
    """What all workers of a master have measured, those that are gone too. Each worker leaves files, and all are read
    for each scrape: those of workers that are gone are added up, or each reload would make it slower."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """One scrape at a time: none may read what is added up already and not dropped yet."""
        with (self._folder / "scrape").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with suppress(OSError):  # the disk is full, say; then they are read one by one
                for file in self._folder.glob("*.db"):
                    kind, _, worker = file.stem.rpartition("_")
                    if worker.isdigit() and _is_gone(int(worker)):
                        _add_up(file, into=self._folder / f"{kind}_gone.db")
            found: Iterable[Metric] = MultiProcessCollector(None, str(self._folder)).collect()  # type: ignore[no-untyped-call]
            return found


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _add_up(file: Path, into: Path) -> None:
    sums: Any = MmapedDict(str(into))  # type: ignore[no-untyped-call]
    with closing(sums):
        for key, value, at, _ in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call]
            sums.write_value(key, sums.read_value(key)[0] + value, at)
    file.unlink()
