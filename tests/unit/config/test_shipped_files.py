"""What runs the service: Dockerfile, compose file and gunicorn's configuration."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from gunicorn.config import Config

from qbdispatch import spool

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def gunicorn_settings(monkeypatch: pytest.MonkeyPatch, **environ: str) -> dict[str, Any]:
    for name in ("QBDISPATCH_BIND", "WEB_CONCURRENCY", "QBDISPATCH_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(spool.VARIABLE, "")  # it sets it, which other tests are not to see
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    found: dict[str, Any] = {}
    file = ROOT / "gunicorn.conf.py"
    exec(compile(file.read_text(), file, "exec"), found)
    return {name: value for name, value in found.items() if name in Config().settings}


def copied() -> list[str]:
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    """A renamed file, or one that .dockerignore keeps away, would fail only when somebody builds."""
    admitted = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied()
    assert set(copied()) == admitted
    assert [source for source in copied() if not (ROOT / source).exists()] == []


def test_the_image_is_as_promised() -> None:
    """Replaceable base, not root, its store in a volume, the original's port and path."""
    assert DOCKERFILE.startswith("ARG BASE=python:3.13-slim\n")
    for promise in (
        "USER qbdispatch",
        "VOLUME /data",
        "EXPOSE 8000",
        "QBDISPATCH_CONFIG=/app/config.yaml",
        "QBDISPATCH_DATA=/data",
        "HEALTHCHECK ",
        "/healthz",
    ):
        assert promise in DOCKERFILE


def test_the_health_check_is_python() -> None:
    """It would otherwise fail in every container, and only there."""
    (code,) = re.findall(r'CMD \["python", "-c", "(.+)"\]', DOCKERFILE)
    compile(code, "HEALTHCHECK", "exec")


def test_the_compose_file_is_as_promised() -> None:
    """Service and network are called as in the original; the configuration cannot be written from inside."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    service = compose["services"]["qb-dispatcher"]
    assert service["ports"] == ["8000:8000"]
    assert service["volumes"] == ["./config.yaml:/app/config.yaml:ro", "qbdispatch-data:/data"]
    assert service["networks"] == ["qbnet"]
    assert "qbnet" in compose["networks"]
    assert "qbdispatch-data" in compose["volumes"]


def test_the_compose_file_for_several_hosts_is_as_promised() -> None:
    """Two dispatchers alike on one database behind nginx, each part watched and started in order."""
    compose = yaml.safe_load((ROOT / "docker-compose.ha.yml").read_text())
    services = compose["services"]
    assert set(services) == {"nginx", "dispatcher-1", "dispatcher-2", "postgres"}
    one, two = services["dispatcher-1"], services["dispatcher-2"]
    assert (one.pop("build"), two.pop("pull_policy")) == (".", "never"), "built once, never pulled"
    assert one == two
    assert services["dispatcher-1"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["dispatcher-1"]["volumes"] == ["./config.yaml:/app/config.yaml:ro"]
    assert services["nginx"]["ports"] == ["8000:80"]
    assert [name for name in ("nginx", "postgres") if "healthcheck" not in services[name]] == []
    mounted = [volume.split(":") for service in services.values() for volume in service["volumes"]]
    assert {source for source, *_ in mounted if not source.startswith("./")} == set(compose["volumes"])
    assert [source for source, *_ in mounted if source.startswith("./deploy") and not (ROOT / source).exists()] == []
    assert {network for service in services.values() for network in service["networks"]} == set(compose["networks"])


def test_nginx_knows_the_dispatchers_of_the_compose_file_and_repeats_no_post() -> None:
    """Names and port are those of the compose file; idle connections end here before they end there."""
    compose = yaml.safe_load((ROOT / "docker-compose.ha.yml").read_text())
    nginx = re.sub(r"#.*", "", (ROOT / "deploy/nginx.conf").read_text())
    servers = re.findall(r"server ([\w-]+):8000 ", nginx)
    assert servers == [name for name in compose["services"] if name.startswith("dispatcher")]
    assert "non_idempotent" not in nginx
    assert "proxy_next_upstream error timeout http_502 http_503;" in nginx


def test_containers_are_given_the_time_that_gunicorn_takes_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker kills after 10 s unless told otherwise."""
    for file, name in (("docker-compose.yml", "qb-dispatcher"), ("docker-compose.ha.yml", "dispatcher-1")):
        compose = yaml.safe_load((ROOT / file).read_text())
        grace = int(compose["services"][name]["stop_grace_period"].removesuffix("s"))
        assert grace > gunicorn_settings(monkeypatch)["graceful_timeout"]


def test_gunicorn_takes_each_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """gunicorn checks values only when it starts."""
    config = Config()
    for name, value in gunicorn_settings(monkeypatch).items():
        config.set(name, value)
    assert config.address == [("0.0.0.0", 8000)]
    assert (config.workers, config.threads, config.worker_class_str) == (4, 8, "qbdispatch.listening.Worker")
    assert (config.preload_app, config.accesslog) == (False, None)
    assert config.settings["control_socket_disable"].get() if "control_socket_disable" in config.settings else True


def test_workers_are_forked_with_their_code_loaded_and_nothing_opened(tmp_path: Path) -> None:
    """So that they serve at once after a reload, and share no thread, socket or database file."""
    code = (
        "import os, runpy, sys, threading; runpy.run_path('gunicorn.conf.py')['on_starting'](None)\n"
        "opened = [os.path.realpath(f'/proc/self/fd/{one}') for one in os.listdir('/proc/self/fd') if int(one) > 2]\n"
        "print('qbdispatch.boot' in sys.modules, threading.active_count())\n"
        "print([path for path in opened if 'socket' in path or 'sqlite' in path])"
    )
    (tmp_path / "config.yaml").write_text("nodes: [{name: a, url: 'http://127.0.0.1:9', username: a, password: b}]")
    env = os.environ | {"QBDISPATCH_CONFIG": str(tmp_path / "config.yaml"), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout == "True 1\n[]\n"


def test_the_environment_sets_address_workers_and_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the image needs no other file for it."""
    settings = gunicorn_settings(
        monkeypatch, QBDISPATCH_BIND="127.0.0.1:9000", WEB_CONCURRENCY="2", QBDISPATCH_THREADS="3"
    )
    assert (settings["bind"], settings["workers"], settings["threads"]) == ("127.0.0.1:9000", 2, 3)
