"""A PostgreSQL of the tests' own: a cluster in a temporary folder, on a loopback port, that can be stopped and killed.

The server refuses to run as root, so it runs as the user `postgres` that Debian's package makes.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.rig.processes import ChildProcess, children_of, free_port, wait_until

USER = "postgres"
START_SECONDS = 30.0
_AS_POSTGRES = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups")


def binaries() -> Path | None:
    """The folder of the newest server's programs; `None` where none is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class Postgres:
    """One server. `stop()`, `kill()` and `start()` keep its data; `close()` keeps nothing."""

    def __init__(self) -> None:
        self.port = free_port()
        self._cleanup = ExitStack()
        self._child: ChildProcess | None = None

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/postgres"

    @property
    def process(self) -> ChildProcess:
        """The postmaster."""
        if self._child is None:
            raise AssertionError("PostgreSQL is not started")
        return self._child

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start and wait until it answers; a failure leaves nothing behind."""
        try:
            if self._child is None:
                self._prepare()
            self.process.start()
            wait_until(self._answers, START_SECONDS, "PostgreSQL to answer")
        except BaseException as error:
            error.add_note(self._child.log_text()[-4000:] if self._child else "")
            self.close()
            raise

    def stop(self) -> None:
        """End it at once but in order: open connections are cut."""
        if self.process.running:
            self._run("pg_ctl", "stop", "-D", str(self._data), "-m", "fast", "-w")

    def kill(self) -> None:
        """SIGKILL for the postmaster; its backends end by themselves as soon as they notice."""
        self.process.kill()

    def signal(self, number: signal.Signals) -> None:
        """To the postmaster and all its backends: SIGSTOP is a machine that hangs, SIGCONT its return."""
        for pid in (self.process.pid, *children_of(self.process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def close(self) -> None:
        """End it and remove its data; once more is harmless."""
        if self._child is not None and self._child.running:
            self.signal(signal.SIGCONT)
        self._cleanup.close()
        self._child = None

    def create_database(self, name: str) -> str:
        """A new, empty database; answers its address."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), name)
        return self.url.removesuffix("postgres") + name

    def _prepare(self) -> None:
        self._programs = binaries()
        if self._programs is None:
            raise AssertionError("no PostgreSQL server is installed")
        folder = Path(tempfile.mkdtemp(prefix="qbd-postgres-"))
        self._cleanup.callback(shutil.rmtree, folder)
        shutil.chown(folder, USER, USER)
        self._data = folder / "data"
        self._run("initdb", "-D", str(self._data), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(folder), "fsync": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._child = ChildProcess(
            [*_AS_POSTGRES, self._programs / "postgres", "-D", self._data, "-p", str(self.port), *options],
            log_path=folder / "log",
            cwd=folder,
        )
        self._cleanup.callback(self._child.stop)

    def _answers(self) -> bool:
        if not self.process.running:
            raise AssertionError("PostgreSQL ended while starting")
        assert self._programs is not None
        asked = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER]
        return subprocess.run(asked, check=False).returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        assert self._programs is not None
        command = [*_AS_POSTGRES, str(self._programs / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
        if done.returncode:
            raise AssertionError(f"{program} failed: {done.stdout}{done.stderr}")
