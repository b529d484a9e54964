"""`torrents/add`: links and files, several in one call, each taken by itself.

The way on: `dispatch.dispatcher`. A torrent that the fleet has already counts as a success where it is in the category
that was asked for: the client wants it to be there, and it is. In another one the client would look for it in vain.
"""

import logging
from collections.abc import Iterator

from flask import Response, request

from qbdispatch.arr.reply import text
from qbdispatch.dispatch.dispatcher import Status
from qbdispatch.dispatch.intake import read_link
from qbdispatch.dispatch.request import Submission
from qbdispatch.services import Services, services
from qbdispatch.torrents.errors import TorrentError
from qbdispatch.torrents.metainfo import parse_torrent_file
from qbdispatch.torrents.source import TorrentSource

log = logging.getLogger(__name__)
MAX_TORRENTS = 1000


def add() -> Response:
    """`Ok.` if at least one torrent is on a node now or held, else `Fails.`; 415 where a file is no torrent."""
    found = services()
    fields = request.form.to_dict()
    links = [line.strip() for urls in request.form.getlist("urls") for line in urls.splitlines() if line.strip()]
    files = [file for _, file in request.files.items(multi=True)]
    if len(links) + len(files) > MAX_TORRENTS:
        return text(f"at most {MAX_TORRENTS} torrents in one call", 400)
    taken = [_is_taken(found, Submission(source, fields=fields)) for source in _linked(found, links)]
    broken: list[str] = []
    for file in files:
        try:
            source = parse_torrent_file(file.read())
        except TorrentError as error:
            log.info("add: %s: %s", file.filename, error)
            broken.append(file.filename or "")
            continue
        taken.append(_is_taken(found, Submission(source, fields=fields)))
    if any(taken):
        return text("Ok.")
    if broken:
        return text(f"Error: '{broken[0]}' is not a valid torrent file.", 415)
    return text("Fails.")


def _is_taken(found: Services, submission: Submission) -> bool:
    result = found.dispatcher.submit(submission)
    if result.status is Status.ACCEPTED or not result.is_taken or not submission.category:
        return result.is_taken
    entry = found.library.shelf().find(result.hash)
    return entry is None or entry.category == submission.category


def _linked(found: Services, links: list[str]) -> Iterator[TorrentSource]:
    for link in links:
        try:
            yield read_link(link, found.settings.fetch, request.form.get("cookie"))
        except TorrentError as error:
            log.info("add: a link was refused: %s", error)
