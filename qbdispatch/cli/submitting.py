"""`qbdispatch submit` and `preview`: a torrent by magnet, file or address, as `POST /submit` takes it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from qbdispatch.cli.decisions import show_verdicts
from qbdispatch.cli.output import show_pairs
from qbdispatch.cli.session import Command, Session, json_option, pass_session
from qbdispatch.config.settings import FetchSettings, gib
from qbdispatch.dispatch.dispatcher import Result
from qbdispatch.dispatch.intake import read_link
from qbdispatch.dispatch.request import Submission, is_category
from qbdispatch.torrents.errors import TorrentError
from qbdispatch.torrents.metainfo import parse_torrent_file
from qbdispatch.torrents.source import TorrentSource

MOST_GB = 2.0**20
_LINKS = ("magnet:", "http://", "https://")


def _category(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value and not is_category(value):
        raise click.BadParameter('use names separated by single "/", without "\\" and without "/" at either end')
    return value


def _size(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    if value is not None and not 0 < value <= MOST_GB:  # as is NaN
        raise click.BadParameter(f"must be above 0 and at most {MOST_GB:.0f}")
    return value


def _options(command: Command) -> Command:
    """What both commands take."""
    for option in (
        json_option,
        click.option("--size-gb", type=float, callback=_size, help="Its size, where the torrent does not tell it."),
        click.option("--category", callback=_category, help="Its category."),
        click.option("--name", help="What to call it in decisions and logs."),
        click.argument("torrent"),
    ):
        command = option(command)
    return command


@click.command()
@_options
@pass_session
def submit(session: Session, /, torrent: str, **options: Any) -> None:
    """Place TORRENT on the best node: a magnet, a hash, the path of a .torrent file, or the address of one.

    The service must be running, for it tells what room there is. Exits with 1 if it is neither placed nor held.
    """
    _run(session, lambda: session.services.dispatcher.submit(_submission(session, torrent, **options)))


@click.command()
@_options
@pass_session
def preview(session: Session, /, torrent: str, **options: Any) -> None:
    """Say where TORRENT would go now, and why; nothing is claimed or sent."""
    _run(session, lambda: session.services.dispatcher.preview(_submission(session, torrent, **options)))


def _submission(
    session: Session, torrent: str, name: str | None, category: str | None, size_gb: float | None
) -> Submission:
    try:
        source = _read(torrent, session.settings.fetch)
    except TorrentError as error:
        raise click.BadParameter(str(error), param_hint="TORRENT") from error
    return Submission(
        source=source,
        name=name,
        size_estimate_bytes=None if size_gb is None else gib(size_gb),
        fields={"category": category} if category else {},
    )


def _read(torrent: str, fetch: FetchSettings) -> TorrentSource:
    """A link is told by its scheme; all else is a file, if there is one of that name, or a hash."""
    if torrent.lower().startswith(_LINKS):
        return read_link(torrent, fetch)
    path = Path(torrent)
    try:
        content = path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise click.BadParameter(f"the file cannot be read: {error.strerror}", param_hint="TORRENT") from error
    if content is not None:
        return parse_torrent_file(content)
    try:
        return read_link(torrent, fetch)
    except TorrentError as error:
        nothing = "there is no such file, and it is no magnet, hash or address either"
        raise click.BadParameter(nothing, param_hint="TORRENT") from error


def _run(session: Session, ask: Callable[[], Result]) -> None:
    result = ask()
    document = {
        "status": result.status.value,
        "selected_node": result.node,
        "reason": result.reason,
        "hash": result.hash,
        "decision_id": result.decision_id,
    }
    session.show({**document, "attempted_nodes": result.nodes}, lambda: _show(document, result))
    sys.exit(0 if result.is_taken else 1)


def _show(document: dict[str, Any], result: Result) -> None:
    show_pairs(document)
    if result.nodes:
        click.echo()
        show_verdicts(result.nodes, result.node)
