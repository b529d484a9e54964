"""nginx in front of dispatchers, with the shipped `deploy/nginx.conf`; only hosts and port are others.

Owns: its folder and its process.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.rig.processes import ChildProcess, free_port, listens_on, wait_until

SHIPPED = Path(__file__).resolve().parents[2] / "deploy/nginx.conf"
START_SECONDS = 10.0
_FOLDERS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_SERVER = re.compile(r"^    server [\w-]+:8000(.*;)$", re.MULTILINE)


class Nginx:
    """Listens on loopback while its block lasts."""

    def __init__(self, upstreams: Sequence[str]) -> None:
        """`upstreams` are the dispatchers' addresses."""
        self.port = free_port()
        self._upstreams = [urlsplit(url).netloc for url in upstreams]
        self._cleanup = ExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        folder = Path(tempfile.mkdtemp(prefix="qbd-nginx-"))
        self._cleanup.callback(shutil.rmtree, folder)
        (folder / "nginx.conf").write_text(self._configuration(folder))
        child = ChildProcess(
            ["nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "log"], log_path=folder / "log"
        )
        try:
            child.start()
            self._cleanup.callback(child.stop)
            wait_until(lambda: listens_on(child.pid, self.port), START_SECONDS, "nginx to listen")
        except BaseException as error:
            error.add_note(child.log_text())
            self._cleanup.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def _configuration(self, folder: Path) -> str:
        temporary = "\n".join(f"{name}_temp_path {folder / name};" for name in _FOLDERS)
        return (
            f"daemon off;\nmaster_process off;\npid {folder / 'pid'};\n"
            f"events {{ worker_connections 4096; }}\nhttp {{\naccess_log off;\n{temporary}\n{self._shipped()}}}\n"
        )

    def _shipped(self) -> str:
        text = SHIPPED.read_text()
        ends = _SERVER.findall(text)
        assert ends, "no servers in the shipped configuration"
        servers = "\n".join(f"    server {place}{ends[0]}" for place in self._upstreams)
        first = _SERVER.sub(lambda _: servers, text, count=1)
        kept, _, rest = first.partition(servers)
        return f"{kept}{servers}{_SERVER.sub('', rest)}".replace("listen 80;", f"listen 127.0.0.1:{self.port};")
