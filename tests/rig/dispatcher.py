"""The dispatcher as users run it: gunicorn with several workers, on a port and a store of its own.

Owns: its folder with the configuration, its processes, and looking into its log and its store.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
import yaml
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from tests.rig.processes import ChildProcess, children_of, free_port, process_state, wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0


class Dispatcher:
    """gunicorn over the application; `stop()` and `kill_all()` keep store and port, `close()` keeps nothing.

    A configuration without `database_url` gets a SQLite file in the temporary folder, at `store_path`.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        *,
        workers: int = 4,
        threads: int = 8,
        env: Mapping[str, str] | None = None,
        wait_ready: bool = True,
    ) -> None:
        self.config = dict(config)
        self.port = free_port()
        self.wait_ready = wait_ready
        self._workers = workers
        self._threads = threads
        self._env = dict(env or {})
        self._folder: Path | None = None
        self._process: ChildProcess | None = None
        self._cleanup = ExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def folder(self) -> Path:
        if self._folder is None:
            raise AssertionError("the dispatcher is not started")
        return self._folder

    @property
    def config_path(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def store_path(self) -> Path:
        return self.folder / "qbdispatch.sqlite3"

    @property
    def database_url(self) -> str:
        return self.config.get("database_url") or f"sqlite:///{self.store_path}"

    @property
    def pid(self) -> int:
        """The gunicorn master."""
        return self._child().pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start and wait for /readyz (/healthz with wait_ready=False); a failure leaves nothing behind."""
        try:
            if self._process is None:
                self._prepare()
            self._child().start()
            path = "/readyz" if self.wait_ready else "/healthz"
            wait_until(lambda: self._answers(path), START_SECONDS, f"{path} of the dispatcher to be 200")
        except BaseException as error:
            if self._process is not None:
                error.add_note(f"the dispatcher's log:\n{self.log_text()[-8000:]}")
            self.close()
            raise

    def stop(self) -> None:
        """End it in an orderly way, workers first; what then is left is killed."""
        child = self._child()
        if child.running:
            workers = self.worker_pids()
            child.stop(grace_seconds=20)
            _kill(workers, group=child.pid)

    def kill_all(self) -> None:
        """SIGKILL for the master and every worker, with no moment in which it could start another."""
        child = self._child()
        if not child.running:
            return
        child.pause()
        workers = self.worker_pids()
        child.kill()
        _kill(workers, group=child.pid)

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """End every process and remove the folder; once more is harmless."""
        self._cleanup.close()
        self._process = None
        self._folder = None

    def log_text(self) -> str:
        return self._child().log_text()

    def worker_pids(self) -> list[int]:
        return children_of(self.pid)

    def leader_pid(self) -> int | None:
        """The worker that holds the poller's lease, as the store says; None while nobody does."""
        engine = create_engine(self.database_url)
        try:
            with engine.connect() as store:
                owner = store.exec_driver_sql("SELECT owner FROM leases WHERE name = 'poller'").scalar()
        except DBAPIError:
            return None
        finally:
            engine.dispose()
        return int(owner.rsplit(":", 2)[1]) if owner else None

    def _prepare(self) -> None:
        folder = self._folder = Path(tempfile.mkdtemp(prefix="qbd-dispatcher-"))
        self._cleanup.callback(shutil.rmtree, folder)
        settings = self.config | {"database_url": self.database_url}
        # It holds the nodes' passwords.
        self.config_path.touch(mode=0o600)
        self.config_path.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
        self._process = ChildProcess(
            [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"],
            log_path=folder / "log",
            cwd=REPOSITORY,
            env=os.environ
            | {
                "QBDISPATCH_CONFIG": str(self.config_path),
                "QBDISPATCH_BIND": f"127.0.0.1:{self.port}",
                "QBDISPATCH_THREADS": str(self._threads),
                "WEB_CONCURRENCY": str(self._workers),
                "NO_PROXY": "127.0.0.1,localhost",
                "TMPDIR": str(folder),  # where a killed master leaves the folder of its workers' figures
            }
            | self._env,
        )
        self._cleanup.callback(self.stop)

    def _answers(self, path: str) -> bool:
        if not self.running:
            raise AssertionError("the dispatcher ended while starting")
        try:
            answer = requests.get(
                f"{self.url}{path}", timeout=10, headers={"Connection": "close"}, proxies={"http": ""}
            )
        except (requests.ConnectionError, requests.Timeout):
            return False
        return answer.status_code == 200

    def _child(self) -> ChildProcess:
        if self._process is None:
            raise AssertionError("the dispatcher is not started")
        return self._process


def _kill(pids: list[int], group: int) -> None:
    """SIGKILL those that still belong to our master's process group, and wait until they are gone."""
    for pid in pids:
        with suppress(ProcessLookupError):
            if os.getpgid(pid) == group:
                os.kill(pid, signal.SIGKILL)
    wait_until(lambda: all(process_state(pid) in {None, "Z"} for pid in pids), 10, f"workers {pids} to be gone")
