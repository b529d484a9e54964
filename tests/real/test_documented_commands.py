"""Every command that README and docs/ show is run, as far as it does not change this machine.

Commands meet a dispatcher of gunicorn's over scripted nodes, and a scripted Sonarr that tests it for real; only
addresses, ids and folders are replaced.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import yaml

from qbdispatch.dispatch.draining import drain
from qbdispatch.store import health
from qbdispatch.store.engine import Store
from tests.rig.dispatcher import REPOSITORY, Dispatcher
from tests.rig.documented import Command, blocks, documented, is_command, languages
from tests.rig.postgres import Postgres, binaries
from tests.rig.processes import ChildProcess, free_port, wait_until
from tests.rig.scripted import ScriptedNode
from tests.rig.scripted_arr import ScriptedArr
from tests.rig.swarm import make_torrent
from tests.unit.torrents.web import serving

DECISION = "5f0c9a54d1b04a0e9c0d5d3f6a7b8c9d"
HELD_HASH = "ab" * 20
CERTIFICATE = REPOSITORY / "tests/unit/torrents/localhost.pem"
UNIT = (REPOSITORY / "deploy/qbdispatch.service").read_text()
LIVE = r"curl |eval .*bash_source|qbdispatch (?!demo|hash-password$)|runuser "
INSTALL = r"python3 -m venv|\.venv/bin/|cp config\.example\.yaml "
INSTALL_PAGES = ("README.md", "getting-started.md")
FOLDERS = r"mkdir |mv |install "
VOLUME = r"sh -c "
POSTGRESQL = r"createuser |createdb |pg_dump |pg_restore "
NOT_RUN = {
    r"docker compose ": "needs a Docker daemon",
    r"nginx -s reload$": "tells the nginx of a container",
    r"systemctl (start|stop|reload|restart|enable --now) qbdispatch$": "changes the services of this machine",
    r"git pull$": "changes the clone",
    r"useradd --system --no-create-home qbdispatch$": "changes the users of this machine",
    r"make test": "this is what runs the tests",
    r"make demo": "the same as the next, which test_demo.py runs",
    r"qbdispatch demo --once$": "test_demo.py runs it",
    r"qbdispatch hash-password$": "asks at a terminal; with --stdin it is run",
    r"eval .*zsh_source|.*fish_source": "needs zsh or fish; that of bash is run",
}
COMPOSE = {
    "up": {"-d", "--build", "--no-deps"},
    "build": set(),
    "stop": set(),
    "kill": {"-s"},
    "exec": set(),
    "run": {"--rm"},
    "cp": set(),
}
"""What is used of `docker compose`: its commands and their options."""
COMMANDS = documented()


def _of(pattern: str) -> list[Command]:
    return [command for command in COMMANDS if re.match(pattern, command.plain)]


def test_every_documented_command_is_classified_once() -> None:
    """A new one fails here until it is said how it is run, or why it is not."""
    patterns = [LIVE, INSTALL, FOLDERS, VOLUME, POSTGRESQL, *NOT_RUN]
    ways = {one: [pattern for pattern in patterns if re.match(pattern, one.plain)] for one in COMMANDS}
    assert {one.plain: found for one, found in ways.items() if len(found) != 1} == {}
    assert [pattern for pattern in patterns if not _of(pattern)] == [], "nothing like this is shown any more"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.plain)
def test_every_documented_command_is_a_sentence_of_the_shell(command: Command) -> None:
    """Also those that are not run; what they name is there: compose's service, systemd's unit, make's target."""
    subprocess.run(["bash", "-n", "-c", command.text], check=True)
    words = shlex.split(command.text)
    if words[0] == "docker":
        _check_compose(words)
    if words[0] == "systemctl":
        assert (REPOSITORY / f"deploy/{words[-1]}.service").is_file()
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    if words[0] == "runuser":
        assert f"User={words[2]}\n" in UNIT
        assert [word for word in words if word.startswith("QBDISPATCH_") and f"Environment={word}\n" not in UNIT] == []
        assert any(f"ExecStart={Path(word).parent}/" in UNIT for word in words)


def _check_compose(words: list[str]) -> None:
    """File, command, options and services: what Docker would look at first."""
    assert words[:2] == ["docker", "compose"]
    file, rest = (words[3], words[4:]) if words[2] == "-f" else ("docker-compose.yml", words[2:])
    services = yaml.safe_load((REPOSITORY / file).read_text())["services"]
    command, *words = rest
    options = {word for word in words if word.startswith("-")} if command not in {"exec", "run"} else set()
    assert options <= COMPOSE[command]
    named = [word for word in words if not word.startswith("-") and word != "HUP"]
    if command in {"exec", "run"}:
        named = named[:1]
    if command == "cp":
        named = [named[0].split(":")[0]]
    assert [name for name in named if name not in services] == []


def test_no_command_hides_in_another_kind_of_block() -> None:
    """Blocks of other languages are checked elsewhere, those without a name are pictures and what programs say."""
    assert languages() == {"", "sh", "json", "nginx", "yaml"}
    assert [line for block in blocks("") for line in block.splitlines() if is_command(line.lstrip(" $#"))] == []


@dataclass
class Stage:
    """What commands meet: a folder to run in, and what stands for what they name."""

    folder: Path
    dispatcher: Dispatcher
    arr: ScriptedArr
    replaced: Mapping[str, str]

    def run(self, text: str) -> str:
        """In bash, at a terminal whose user agrees to everything. A 4xx or 5xx is a failure for curl."""
        for shown, real in self.replaced.items():
            text = text.replace(shown, real)
        environment = _without_proxies(os.environ) | {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "CURL_HOME": str(self.folder),
            "PYTHONPATH": str(REPOSITORY),
            "QBDISPATCH_CONFIG": str(self.dispatcher.config_path),
        }
        keyboard, terminal = pty.openpty()
        try:
            os.write(keyboard, b"y\n")
            return _run(text, cwd=self.folder, env=environment, stdin=terminal)
        finally:
            os.close(keyboard)
            os.close(terminal)


def _without_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if "proxy" not in name.lower()}


def _run(text: str, *, cwd: Path, env: Mapping[str, str] | None = None, **more: object) -> str:
    command = ["bash", "-euo", "pipefail", "-c", text]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=200, **more)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return str(done.stdout)


def _program(folder: Path, name: str, *words: str) -> None:
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec {" ".join(words)} "$@"\n')
    path.chmod(0o755)


def _two_nodes(stack: ExitStack) -> list[ScriptedNode]:
    return [
        stack.enter_context(ScriptedNode(name=name, free_gib=free)) for name, free in (("box-1", 900), ("box-2", 500))
    ]


@pytest.fixture
def nodes() -> Iterator[list[ScriptedNode]]:
    with ExitStack() as stack:
        yield _two_nodes(stack)


def _entry(node: ScriptedNode) -> dict[str, object]:
    path_map = [{"from": "/downloads", "to": f"/mnt/{node.name}"}]
    return {
        "name": node.name,
        "url": node.url,
        "username": node.username,
        "password": node.password,
        "path_map": path_map,
    }


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A decision is there, and a torrent that is held."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    _program(folder, "qbdispatch", sys.executable, "-m", "qbdispatch")
    for name in ("film", "some"):
        (folder / f"{name}.torrent").write_bytes(make_torrent(name, 2**30).data)
    with ExitStack() as stack:
        arr = stack.enter_context(ScriptedArr("sonarr"))
        arr.folders |= {"/mnt/box-1", "/mnt/box-2"}
        site = stack.enter_context(serving())
        for name in ("film", "some"):
            content = make_torrent(f"{name} from the web", 2**30).data
            site.pages[f"/{name}.torrent"] = lambda handler, content=content: handler.reply(content)  # type: ignore[misc]
        config = {
            "nodes": [_entry(node) for node in _two_nodes(stack)],
            "arr_instances": [{"name": "sonarr", "type": "sonarr", "url": arr.url, "api_key": arr.api_key}],
            "hold": {"enabled": True},
        }
        dispatcher = stack.enter_context(Dispatcher(config, workers=1))
        stack.callback(dispatcher.kill_all)  # nothing that it does at its end is of interest here
        wait_until(lambda: _submit(dispatcher, "cd" * 20, 1)["status"] == "accepted", 30, "nodes to be polled")
        held = _submit(dispatcher, HELD_HASH, 5000)
        replaced = {
            "http://localhost:8000": dispatcher.url,
            "http://qb-dispatcher:8000": dispatcher.url,
            "http://qbdispatch.lan:8000": dispatcher.url,
            "http://nginx": dispatcher.url,
            "https://example.org": site.url(""),
            DECISION: str(held["decision_id"]),
            "/HASH": f"/{HELD_HASH}",
            "/data/": f"{folder}/",
            "/backups/": f"{folder}/",
            "resume NAME": "resume box-1",
            "runuser -u qbdispatch -- ": "",
            "/etc/qbdispatch/config.yaml": str(dispatcher.config_path),
            "/var/lib/qbdispatch": str(dispatcher.folder),
            "/opt/qbdispatch/.venv/bin/": "",
        }
        yield Stage(folder, dispatcher, arr, replaced)


def _submit(dispatcher: Dispatcher, magnet: str, size_gb: float) -> dict[str, object]:
    body = {"magnet": magnet, "size_estimate_gb": size_gb}
    return dict(requests.post(f"{dispatcher.url}/submit", json=body, timeout=30).json())


@pytest.mark.parametrize("command", _of(LIVE), ids=lambda one: one.plain)
def test_commands_for_a_running_service_succeed(stage: Stage, command: Command) -> None:
    """Exit code 0 and, with curl, an answer below 400. `connect` begins with nothing, everything else connected."""
    stage.arr.entries.clear()
    if not command.plain.startswith("qbdispatch connect"):
        stage.arr.entry("qbdispatch", host="127.0.0.1", port=stage.dispatcher.port)
    said = stage.run(command.plain)
    if " connect " in command.text:
        assert stage.arr.tests
        assert len(stage.arr.entries) == 1
    if "disconnect" in command.text:
        assert stage.arr.entries == []
    assert said or command.text.startswith("eval")


def test_the_steps_without_docker_lead_to_a_placed_torrent(nodes: list[ScriptedNode], tmp_path: Path) -> None:
    """In a copy of the repository: a fresh environment, installed by pip, looks at its nodes, serves and places. What
    other pages show of it comes after the getting started."""
    steps = [one.text for one in sorted(_of(INSTALL), key=lambda one: one.page not in INSTALL_PAGES)]
    (submit,) = _of("curl http://localhost:8000/submit -F .magnet")
    left_out = shutil.ignore_patterns(".git", ".venv", "*_cache", "__pycache__", "build", "*.egg-info", ".hypothesis")
    copy = tmp_path / "qbdispatch"
    shutil.copytree(REPOSITORY, copy, ignore=left_out)
    _program(tmp_path, "python3", str(getattr(sys, "_base_executable", sys.executable)))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("QBDISPATCH", "PYTHON"))}
    environment["PATH"] = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    serve = next(step for step in steps if "gunicorn" in step)
    for step in (step for step in steps if step != serve):
        _run(step, cwd=copy, env=environment)
        if step.startswith("cp "):
            (copy / "config.yaml").write_text(yaml.safe_dump({"nodes": [_entry(node) for node in nodes]}))
    port = free_port()
    environment |= {"QBDISPATCH_BIND": f"127.0.0.1:{port}", "WEB_CONCURRENCY": "1", "TMPDIR": str(tmp_path)}
    child = ChildProcess(["bash", "-c", f"exec {serve}"], log_path=tmp_path / "log", cwd=copy, env=environment)
    child.start()
    try:
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/readyz"), 60, "the service to be ready")
        text = submit.text.replace("http://localhost:8000", f"http://127.0.0.1:{port}")
        answer = json.loads(_run(text, cwd=copy, env=_without_proxies(environment)))
        assert answer["status"] == "accepted", answer
        assert answer["selected_node"] in {node.name for node in nodes}
    finally:
        child.stop()
    assert child.exit_status == 0, child.log_text()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def test_a_backup_is_put_in_place_as_shown(stage: Stage, tmp_path: Path) -> None:
    """The shown commands about folders, with theirs replaced by ours: the restored store opens and has everything."""
    data, saved, etc = tmp_path / "store", tmp_path / "saved", tmp_path / "etc"
    for folder in (data, saved, etc / "systemd/system"):
        folder.mkdir(parents=True)
    shutil.copy(REPOSITORY / "config.example.yaml", tmp_path / "config.yaml")
    shutil.copytree(REPOSITORY / "deploy", tmp_path / "deploy")
    (data / "qbdispatch.sqlite3").write_text("old")
    (data / "qbdispatch.sqlite3-wal").write_text("old")
    assert _submit(stage.dispatcher, HELD_HASH, 5000)["status"] == "held"
    stage.run(f"qbdispatch backup {saved}/qbdispatch.sqlite3")
    folders = {"/var/lib/qbdispatch": str(data), "/backups": str(saved), "/etc/": f"{etc}/"}
    ours = {"--owner=qbdispatch": f"--owner={os.getuid()}", "--group=qbdispatch": f"--group={os.getgid()}"}
    for command in _of(FOLDERS):
        text = command.text
        for shown, real in (folders | ours).items():
            text = text.replace(shown, real)
        _run(text, cwd=tmp_path)
    assert sorted(path.name for path in (data / "before").iterdir()) == ["qbdispatch.sqlite3", "qbdispatch.sqlite3-wal"]
    with closing(Store(f"sqlite:///{data / 'qbdispatch.sqlite3'}")) as store, store.read() as connection:
        held = connection.exec_driver_sql("SELECT v1 FROM held").scalars().all()
    assert held == [HELD_HASH]
    assert (etc / "qbdispatch/config.yaml").stat().st_mode & 0o777 == 0o640
    assert (etc / "systemd/system/qbdispatch.service").is_file()


def test_a_backup_is_put_into_the_volume_as_shown(tmp_path: Path) -> None:
    """The old files are put aside, the backup is the store."""
    for name in ("backup.sqlite3", "qbdispatch.sqlite3", "qbdispatch.sqlite3-wal"):
        (tmp_path / name).write_text(name)
    (restore,) = _of(VOLUME)
    _run(restore.plain.replace("/data/", f"{tmp_path}/"), cwd=tmp_path)
    assert (tmp_path / "qbdispatch.sqlite3").read_text() == "backup.sqlite3"
    assert sorted(path.name for path in (tmp_path / "before").iterdir()) == [
        "qbdispatch.sqlite3",
        "qbdispatch.sqlite3-wal",
    ]


def test_postgresql_is_set_up_saved_and_restored_as_shown(postgres: Postgres, tmp_path: Path) -> None:
    """The shown commands in their order, on a server of the tests'; afterwards all is as when it was saved."""
    server = {"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGUSER": "postgres"}
    environment = os.environ | server | {"PATH": f"{binaries()}:{os.environ['PATH']}"}
    at = f"127.0.0.1:{postgres.port}"
    url = f"postgresql+psycopg://qbdispatch:secret@{at}/qbdispatch"
    for command in _of(POSTGRESQL):
        if command.text.startswith("pg_dump"):
            with closing(Store(url)) as store:
                with store.write() as connection:
                    health.register(connection, ["box-1", "box-2"])
                drain(store, "box-1")
        _run(
            command.text.replace("db.example", at),
            cwd=tmp_path,
            env=environment,
            input="secret\nsecret\n",
            start_new_session=True,  # without a terminal it reads the password from here
        )
        if command.text.startswith("pg_dump"):
            with closing(Store(url)) as store:
                drain(store, "box-2")
    with closing(Store(url)) as store, store.read() as connection:
        drained = connection.exec_driver_sql("SELECT node FROM node_states WHERE draining").scalars().all()
    assert drained == ["box-1"]


@pytest.mark.parametrize("block", blocks("nginx"))
def test_every_shown_configuration_of_nginx_is_one(block: str, tmp_path: Path) -> None:
    """`nginx -t`; a location alone is put into a server."""
    certificates = re.compile(r"/etc/ssl/[\w.]+")
    server = block if block.startswith("server") else f"server {{ listen 80;\n{block}}}\n"
    text = certificates.sub(str(CERTIFICATE), server)
    folders = "".join(
        f"{kind}_temp_path {tmp_path / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path / 'pid'};\nevents {{}}\nhttp {{\naccess_log off;\n{folders}{text}}}\n"
    )
    words = ["nginx", "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "log")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
