"""Real qBittorrent nodes on loopback, each with a profile, a disk and ports of its own.

Owns: the folder a node lives in, its configuration, its process and its disk, from the first folder made to
the last one removed. Where the versions are installed is availability.py's, speaking to a node direct.py's.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from tests.rig.availability import Version, tree_of
from tests.rig.direct import DirectSession
from tests.rig.disks import Disk, bind, unmount
from tests.rig.processes import ChildProcess, free_port, listens_on, wait_until

START_SECONDS = 20.0

# Nothing leaves the loopback: no DHT, no peer exchange, no port mapping, no country database to download.
_CONFIGURATION = """\
[LegalNotice]
Accepted=true

[Application]
FileLogger\\Enabled=false

[Network]
PortForwardingEnabled=false

[BitTorrent]
Session\\Interface=lo
Session\\InterfaceName=lo
Session\\Port={peer_port}
Session\\UseRandomPort=false
Session\\DHTEnabled=false
Session\\PeXEnabled=false
Session\\LSDEnabled=false
Session\\DefaultSavePath={save_path}
Session\\TempPathEnabled=false
Session\\Preallocation=false
Session\\AddTorrentPaused=false
Session\\AddTorrentStopped=false
Session\\MaxActiveDownloads=-1
Session\\MaxActiveTorrents=-1
Session\\MaxActiveUploads=-1
Session\\QueueingSystemEnabled=false

[Preferences]
General\\Locale=en
Connection\\UPnP=false
Connection\\ResolvePeerCountries=false
WebUI\\Enabled=true
WebUI\\Address=127.0.0.1
WebUI\\Port={web_port}
WebUI\\UseUPnP=false
WebUI\\LocalHostAuth=true
WebUI\\Username={username}
WebUI\\Password_PBKDF2="@ByteArray({password_hash})"
"""


class RealNode:
    """One qbittorrent-nox. `stop()` keeps profile, disk and ports for another `start()`; `close()` nothing.

    With `disk` the node stands on a disk the caller owns and may give to several nodes; otherwise it gets one
    of `size_gib` for itself. `save_path` is the disk's folder in the node's own eyes, `disk.path` in ours.
    """

    def __init__(
        self,
        version: Version,
        *,
        size_gib: float = 100,
        disk: Disk | None = None,
        name: str | None = None,
        username: str = "admin",
        password: str = "node-password",
    ) -> None:
        self.version = version
        self.name = name or f"node-{version}"
        self.username = username
        self.password = password
        self.start_seconds = START_SECONDS
        self.web_port = free_port()
        self.peer_port = free_port()
        self._tree = tree_of(version)
        self._size_gib = size_gib
        self._given_disk = disk
        self._disk: Disk | None = None
        self._folder: Path | None = None
        self._process: ChildProcess | None = None
        self._session: DirectSession | None = None
        self._cleanup = ExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def folder(self) -> Path:
        """Everything of this node is below here, as this process sees it."""
        if self._folder is None:
            raise AssertionError(f"{self.name} is not started")
        return self._folder

    @property
    def disk(self) -> Disk:
        if self._disk is None:
            raise AssertionError(f"{self.name} is not started")
        return self._disk

    @property
    def save_path(self) -> str:
        return str(self._inside(self.folder / "disk"))

    @property
    def pid(self) -> int:
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
        """Start and wait until the WebUI answers; when that fails, nothing is left behind."""
        try:
            if self._process is None:
                self._prepare()
            self._child().start()
            wait_until(self._answers, self.start_seconds, f"the WebUI of {self.name} to answer")
        except BaseException:
            self.close()
            raise

    def stop(self) -> None:
        """End it in an orderly way; profile, disk and ports stay for `start()`."""
        self._child().stop()

    def kill(self) -> None:
        """End it with SIGKILL; profile, disk and ports stay for `start()`."""
        self._child().kill()

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it: connections are still accepted by the kernel, nothing answers."""
        self._child().pause()

    def resume(self) -> None:
        self._child().resume()

    def log_text(self) -> str:
        return self._child().log_text()

    def session(self) -> DirectSession:
        """This node's one direct session: logged in when first used, closed with the node."""
        if self._session is None:
            self._session = DirectSession(self.url, self.username, self.password)
        return self._session

    def close(self) -> None:
        """End the process and remove every mount and folder; once more is harmless."""
        if self._session is not None:
            self._session.close()
            self._session = None
        self._cleanup.close()
        self._process = None
        self._disk = None
        self._folder = None

    def _prepare(self) -> None:
        above = Path(tempfile.gettempdir()) if self._tree is None else self._tree / "tmp"
        folder = self._folder = Path(tempfile.mkdtemp(prefix="qbd-node-", dir=above))
        self._cleanup.callback(shutil.rmtree, folder)
        (folder / "tmp").mkdir()
        if self._given_disk is None:
            self._disk = Disk(folder / "disk", self._size_gib)
            self._cleanup.callback(self._disk.close)
        else:
            self._disk = self._given_disk
            self._cleanup.callback(unmount, folder / "disk")
            bind(self._disk.path, folder / "disk")
        self._write_configuration(folder / "profile/qBittorrent/config")
        self._process = ChildProcess(
            self._command(),
            log_path=folder / "log",
            env={
                "HOME": str(self._inside(folder)),
                "TMPDIR": str(self._inside(folder / "tmp")),
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "LC_ALL": "C.UTF-8",
            },
        )
        self._cleanup.callback(self._process.stop)

    def _command(self) -> list[str]:
        # chroot(8) replaces itself by the program, so the id we hold is qBittorrent's own.
        enter = [] if self._tree is None else ["chroot", str(self._tree)]
        return [*enter, "qbittorrent-nox", f"--profile={self._inside(self.folder / 'profile')}"]

    def _inside(self, path: Path) -> Path:
        """A path of ours as the node sees it."""
        return path if self._tree is None else Path("/") / path.relative_to(self._tree)

    def _write_configuration(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "qBittorrent.conf").write_text(
            _CONFIGURATION.format(
                peer_port=self.peer_port,
                web_port=self.web_port,
                save_path=self.save_path,
                username=self.username,
                password_hash=_hashed(self.password),
            )
        )

    def _answers(self) -> bool:
        if not self.running:
            raise AssertionError(f"{self.name} ended while starting:\n{self.log_text()}")
        # It runs on without a WebUI when another has the port, and then the other's answer is not its own.
        if not listens_on(self.pid, self.web_port):
            return False
        try:
            # Any answer will do: without a session it is 403, which does not count as a failed login.
            answer = requests.get(
                f"{self.url}/api/v2/app/version",
                timeout=5,
                headers={"Connection": "close"},
                proxies={"http": ""},
            )
        except requests.ConnectionError:
            return False
        return answer.status_code in {200, 403}

    def _child(self) -> ChildProcess:
        if self._process is None:
            raise AssertionError(f"{self.name} is not started")
        return self._process


def _hashed(password: str) -> str:
    """The password as qBittorrent keeps it: salt and PBKDF2, both base64."""
    salt = secrets.token_bytes(16)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 100_000, 64)
    return f"{base64.b64encode(salt).decode()}:{base64.b64encode(key).decode()}"
