"""Starts the nodes and the dispatcher, submits three torrents by curl, shows what was decided, and cleans up.

Owns: the story and its checks. The nodes and the dispatcher are the ones the tests use, from tests/rig.
`--once` ends by itself; the exit status is 0 only when everything was as it should be.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from demo.stack import SIZES_GIB, WORKERS, DemoError, start
from demo.tables import decision_table, nodes_table, table
from tests.rig.disks import GIB
from tests.rig.dispatcher import Dispatcher
from tests.rig.processes import wait_until
from tests.rig.qbittorrent import RealNode
from tests.rig.swarm import made_up_magnet, make_torrent


@dataclass(frozen=True)
class Submission:
    """One torrent to submit: what is said of it, curl's way of sending it, and its hash."""

    title: str
    arguments: list[str]
    hash: str


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--once", action="store_true", help="end after the three submissions")
    once = parser.parse_args(arguments).once
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    try:
        with ExitStack() as cleanup:
            _show(cleanup, stay=not once)
    except KeyboardInterrupt:
        print("interrupted; everything is cleaned up", file=sys.stderr)
        return 130
    except (DemoError, AssertionError) as error:
        notes = "\n".join(getattr(error, "__notes__", []))
        print(f"demo: {error}\n{notes}".rstrip(), file=sys.stderr)
        return 1
    print("Everything is cleaned up.")
    return 0


def _interrupted(_number: int, _frame: FrameType | None) -> NoReturn:
    # Once is enough: a second Ctrl-C must not cut the cleaning up short.
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    raise KeyboardInterrupt


def _show(cleanup: ExitStack, *, stay: bool) -> None:
    if shutil.which("curl") is None:
        raise DemoError("curl is not installed")
    print(f"Starting {len(SIZES_GIB)} qBittorrent nodes and the dispatcher with {WORKERS} workers …")
    stack = start(cleanup)
    dispatcher, nodes = stack.dispatcher, stack.nodes
    folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="qbd-demo-")))
    for number, submission in enumerate(_submissions(folder), 1):
        print(f"\n{number}. {submission.title}\n")
        _submit(dispatcher, submission, nodes)
    listed = _curl([f"{dispatcher.url}/nodes"], shown=True)
    print(f"\n{nodes_table(listed)}")
    unreachable = [node["name"] for node in listed if not node["reachable"]]
    if unreachable or len(listed) != len(nodes):
        raise DemoError(f"GET /nodes lists {len(listed)} nodes, unreachable: {', '.join(unreachable) or 'none'}")
    print(f"\n{_addresses(dispatcher, nodes)}\n")
    if stay:
        print("All of this keeps running until Ctrl-C.", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("\nEnding …")


def _submissions(folder: Path) -> list[Submission]:
    film, series = made_up_magnet("A film"), made_up_magnet("A whole series")
    image = make_torrent("Disk image", 120 * GIB)
    path = folder / "image.torrent"
    path.write_bytes(image.data)
    return [
        Submission("A magnet, said to be 50 GB", _json_post(film.magnet, film.name, "movies", 50), film.hash),
        Submission("A magnet, said to be 200 GB", _json_post(series.magnet, series.name, "tv", 200), series.hash),
        Submission(
            "A .torrent file of 120 GB",
            ["-F", f"torrent=@{path}", "-F", f"name={image.name}", "-F", "category=images"],
            image.hash,
        ),
    ]


def _json_post(magnet: str, name: str, category: str, size_gb: float) -> list[str]:
    body = {"name": name, "category": category, "size_estimate_gb": size_gb, "magnet": magnet}
    return ["-H", "Content-Type: application/json", "-d", json.dumps(body)]


def _submit(dispatcher: Dispatcher, submission: Submission, nodes: Sequence[RealNode]) -> None:
    answer = _curl(["-X", "POST", f"{dispatcher.url}/submit", *submission.arguments], shown=True)
    if answer.get("status") != "accepted":
        raise DemoError(f"POST /submit answered {json.dumps(answer, indent=2)}")
    chosen = answer["selected_node"]
    print(f"\n  {answer['status']}: {chosen} ({answer['reason']})\n")
    decision = _curl([f"{dispatcher.url}/decisions/{answer['decision_id']}"], shown=False)
    print(decision_table({**decision, "selected_node": chosen}))
    if answer["hash"] != submission.hash:
        raise DemoError(f"the answer names {answer['hash']}, the torrent is {submission.hash}")
    wait_until(lambda: _holders(nodes, submission.hash), 10, f"{chosen} to list {submission.hash}")
    holders = _holders(nodes, submission.hash)
    if holders != [chosen]:
        raise DemoError(f"the torrent is on {', '.join(holders)} instead of on {chosen} alone")


def _holders(nodes: Sequence[RealNode], torrent_hash: str) -> list[str]:
    return [node.name for node in nodes if node.session().torrent(torrent_hash) is not None]


def _curl(arguments: list[str], *, shown: bool) -> Any:
    command = ["curl", "-sS", *arguments]
    if shown:
        print(f"  $ {shlex.join(command)}", flush=True)
    quiet = ["--noproxy", "*", "--max-time", "60"]
    done = subprocess.run([*command, *quiet], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DemoError(f"curl failed: {done.stderr.strip()}")
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise DemoError(f"{arguments[-1]} answered no JSON: {done.stdout[:500]!r}") from error


def _addresses(dispatcher: Dispatcher, nodes: Sequence[RealNode]) -> str:
    rows: list[list[Any]] = [
        ["dashboard", f"{dispatcher.url}/", None, None],
        ["for Sonarr and Radarr", dispatcher.url, "(any)", "(any)"],
    ]
    rows += [[f"{node.name} ({node.version})", node.url, node.username, node.password] for node in nodes]
    return table(["what", "address", "user", "password"], rows)


if __name__ == "__main__":
    sys.exit(main())
