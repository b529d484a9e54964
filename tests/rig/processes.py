"""Child processes for tests and the demo, and waiting for things to become true.

Owns: starting one child with a log file, signalling it by its own id, ending it for certain, and free ports.
It never signals anything it did not start. What a child is and when it is ready is its owner's business.
"""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")

# Below the range the kernel hands out for outgoing connections, so that nothing takes a port between
# the moment it is chosen and the moment it is used, or while its owner is restarting.
_PORTS = range(20000, 32000)
_given_ports: set[int] = set()


def wait_until(condition: Callable[[], Result], timeout_seconds: float, what: str) -> Result:
    """Poll until `condition()` is truthy and return its value; AssertionError naming `what` otherwise."""
    deadline = time.monotonic() + timeout_seconds
    pause_seconds = 0.005
    while True:
        value = condition()
        if value:
            return value
        left_seconds = deadline - time.monotonic()
        if left_seconds <= 0:
            raise AssertionError(f"waited {timeout_seconds:g} s in vain for: {what}")
        time.sleep(min(pause_seconds, left_seconds))
        pause_seconds = min(pause_seconds * 1.5, 0.1)


def free_port() -> int:
    """A loopback port on which nothing listens, never the same one twice in this process."""
    for port in random.sample(_PORTS, 200):
        if port not in _given_ports and _is_free(port):
            _given_ports.add(port)
            return port
    raise AssertionError(f"no free port found between {_PORTS.start} and {_PORTS.stop}")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


class ChildProcess:
    """One child at a time, started, signalled and ended by its id; its output goes to a log file."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        log_path: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.argv = [str(part) for part in argv]
        self.log_path = log_path
        self.env = env
        self.cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise AssertionError(f"{self.argv[0]} is not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start the child in a session of its own, so that a Ctrl-C at the terminal reaches only us."""
        if self.running:
            raise AssertionError(f"{self.argv[0]} is running already")
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if self.env is None else dict(self.env),
                cwd=self.cwd,
                start_new_session=True,
            )

    def stop(self, grace_seconds: float = 15.0) -> None:
        """End the child: SIGCONT in case it is stopped, SIGTERM, and after the grace SIGKILL."""
        if self._process is None or not self.running:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)

    def pause(self) -> None:
        """SIGSTOP, and wait until the kernel shows the child as stopped."""
        self._signal(signal.SIGSTOP)
        wait_until(lambda: process_state(self.pid) == "T", 5, f"process {self.pid} to be stopped")

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def log_text(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or not self.running:
            raise AssertionError(f"{self.argv[0]} is not running")
        self._process.send_signal(number)


def process_state(pid: int) -> str | None:
    """The one-letter state of a process (R, S, T, Z, …), or None where there is no such process."""
    stat = _stat_fields(pid)
    return stat[0] if stat else None


def children_of(pid: int) -> list[int]:
    """The ids of the living direct children of a process, in order."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            stat = _stat_fields(int(entry.name))
            if stat and stat[0] != "Z" and int(stat[1]) == pid:
                found.append(int(entry.name))
    return sorted(found)


def listens_on(pid: int, port: int) -> bool:
    """Whether this very process, and not another, listens on that IPv4 port."""
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {row[9] for row in table if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port}
    try:
        links = [entry.readlink() for entry in Path(f"/proc/{pid}/fd").iterdir()]
    except FileNotFoundError:
        return False
    return any(str(link) in {f"socket:[{inode}]" for inode in listening} for link in links)


def _stat_fields(pid: int) -> list[str]:
    """What /proc/PID/stat says after the command's name: state, parent, …; empty where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()
