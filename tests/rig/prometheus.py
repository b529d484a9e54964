"""Debian's Prometheus on a loopback port with a temporary data folder, over the rules that we ship."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
import yaml

from tests.rig.processes import ChildProcess, free_port, wait_until

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
START_SECONDS = 30.0


class Prometheus:
    """Scrapes these addresses (`host:port`) each second; `key` is the admin key to send. Alerts that
    the rules hold back for some minutes fire after a second."""

    def __init__(self, targets: Sequence[str], *, key: str) -> None:
        self._cleanup = ExitStack()
        self._targets = list(targets)
        self._key = key
        self.port = free_port()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._cleanup.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def value(self, query: str) -> dict[tuple[str, ...], float]:
        """What an instant query yields, by the values of the labels but `__name__` and `job`."""
        found = self._get("query", {"query": query})["result"]
        return {
            tuple(value for name, value in sorted(one["metric"].items()) if name not in ("__name__", "job")): float(
                one["value"][1]
            )
            for one in found
        }

    def firing(self) -> set[tuple[str, str]]:
        """Each firing alert with the node that it is about, or an empty text."""
        alerts = self._get("alerts", {})["alerts"]
        return {
            (one["labels"]["alertname"], one["labels"].get("node", "")) for one in alerts if one["state"] == "firing"
        }

    def _get(self, call: str, params: Mapping[str, str]) -> Any:
        answer = requests.get(
            f"http://127.0.0.1:{self.port}/api/v1/{call}", params=params, timeout=10, proxies={"http": ""}
        )
        answer.raise_for_status()
        return answer.json()["data"]

    def _start(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="qbd-prometheus-"))
        self._cleanup.callback(shutil.rmtree, folder)
        rules = (DEPLOY / "prometheus-rules.yml").read_text()
        (folder / "prometheus-rules.yml").write_text(re.sub(r"for: [0-9]m\b", "for: 1s", rules))
        (folder / "key").write_text(self._key)
        config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        [scrape] = config["scrape_configs"]
        scrape["authorization"] = {"credentials_file": "key"}
        scrape["static_configs"] = [{"targets": self._targets}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        child = ChildProcess(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            log_path=folder / "log",
            cwd=folder,
        )
        child.start()
        self._cleanup.callback(child.stop)
        wait_until(self._is_ready, START_SECONDS, "Prometheus to be ready")

    def _is_ready(self) -> bool:
        with suppress(requests.ConnectionError):
            ready = requests.get(f"http://127.0.0.1:{self.port}/-/ready", timeout=5, proxies={"http": ""})
            return ready.status_code == 200
        return False
