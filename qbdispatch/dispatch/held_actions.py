"""What clients may do to a held torrent: it changes the form fields with which the torrent will be added.

Each method answers the hashes that turned out to be held no longer; they are on a node by now.
"""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection

from qbdispatch.dispatch.holding import is_true, let_go, show, submission_of
from qbdispatch.dispatch.labelling import names
from qbdispatch.dispatch.library import Entry
from qbdispatch.errors import QbdispatchError
from qbdispatch.store import claims, held, labels
from qbdispatch.store.engine import Store
from qbdispatch.store.labels import Kind
from qbdispatch.torrents.source import InfoHashes

Fields = Mapping[str, str]
Edit = Callable[[Fields, Fields], Fields]
CONFLICT, ASK_AGAIN = 409, 503


class NotWhileHeld(QbdispatchError):
    """It cannot be done to a torrent that waits for a node. `status` is the HTTP status for the client."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def _copied(**sources: str) -> Edit:
    """Fields of `torrents/add` that take what the call gives under another name, as far as it gives it."""
    return lambda _, asked: {name: asked[source] for name, source in sources.items() if source in asked}


def _flipped(name: str) -> Edit:
    return lambda now, _: {name: str(not is_true(now.get(name))).lower()}


def _nothing(_now: Fields, _asked: Fields) -> Fields:
    return {}


def _with_tags(now: Fields, asked: Fields) -> Fields:
    return {"tags": ",".join(names(f"{now.get('tags', '')},{asked['tags']}"))}


def _without_tags(now: Fields, asked: Fields) -> Fields:
    removed = names(asked.get("tags", ""))
    return {"tags": ",".join(tag for tag in names(now.get("tags", "")) if removed and tag not in removed)}


# fmt: off
_EDITS: dict[str, Edit] = {
    "stop": lambda *_: {"stopped": "true", "paused": "true"},
    "start": lambda *_: {"stopped": "false", "paused": "false"},
    "setCategory": _copied(category="category"),
    "addTags": _with_tags, "removeTags": _without_tags, "setTags": _copied(tags="tags"),
    "rename": _copied(rename="name"),
    "setLocation": lambda _, asked: {"savepath": asked["location"], "autoTMM": "false"},
    "setSavePath": _copied(savepath="path"),
    "setDownloadPath": lambda _, asked: {
        "downloadPath": asked["path"], "useDownloadPath": str(bool(asked["path"])).lower(),
    },
    "setUploadLimit": _copied(upLimit="limit"), "setDownloadLimit": _copied(dlLimit="limit"),
    "setShareLimits": _copied(
        ratioLimit="ratioLimit", seedingTimeLimit="seedingTimeLimit",
        inactiveSeedingTimeLimit="inactiveSeedingTimeLimit",
    ),
    "setAutoManagement": _copied(autoTMM="enable"), "setForceStart": _copied(forced="value"),
    "toggleSequentialDownload": _flipped("sequentialDownload"),
    "toggleFirstLastPiecePrio": _flipped("firstLastPiecePrio"),
} | dict.fromkeys(
    ("recheck", "reannounce", "topPrio", "bottomPrio", "increasePrio", "decreasePrio", "setSuperSeeding"), _nothing
)
# fmt: on
"""What qBittorrent does to a torrent without metadata as well; anything else is a conflict there too."""


class HeldActions:
    """Safe for threads; all its state is in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def act(self, entries: Sequence[Entry], endpoint: str, asked: Fields) -> list[str]:
        """A call such as `torrents/stop`. Raises `NotWhileHeld`."""
        edit = _EDITS.get(endpoint.removeprefix("torrents/"))
        if edit is None:
            raise NotWhileHeld(CONFLICT, "the torrent waits for a node with room; ask again when it has one")
        return self._each(
            entries, lambda connection, one: _edit(connection, one, edit(one.fields, asked), self._store.now())
        )

    def delete(self, entries: Sequence[Entry]) -> list[str]:
        """Hold these no longer. Raises `NotWhileHeld`."""
        now = self._store.now()
        return self._each(entries, lambda connection, one: _delete(connection, one.hashes, now))

    def drop_labels(self, entries: Sequence[Entry]) -> list[str]:
        """Take categories and tags that were removed off these. Raises `NotWhileHeld`."""

        def drop(connection: Connection, one: held.Held) -> None:
            gone = labels.gone(connection, Kind.CATEGORY)
            tags = labels.gone(connection, Kind.TAG)
            kept = [tag for tag in names(one.fields.get("tags", "")) if tag not in tags]
            category = "" if one.category in gone else one.category
            _edit(connection, one, {"category": category, "tags": ",".join(kept)}, self._store.now())

        return self._each(entries, drop)

    def delete_one(self, hashes: InfoHashes) -> bool:
        """Hold this one no longer; whether it was held. Raises `NotWhileHeld`."""
        with self._store.write() as connection:
            _check_idle(connection, hashes)
            return _delete(connection, hashes, self._store.now())

    def _each(self, entries: Sequence[Entry], do: Callable[[Connection, held.Held], object]) -> list[str]:
        missed = []
        with self._store.write() as connection:
            for entry in entries:
                hashes = InfoHashes(entry.row["infohash_v1"] or None, entry.row["infohash_v2"] or None)
                one = held.find(connection, hashes)
                if one is None:
                    missed.append(entry.hash)
                    continue
                _check_idle(connection, hashes)
                do(connection, one)
        return missed


def _check_idle(connection: Connection, hashes: InfoHashes) -> None:
    """What was sent to a node a moment ago can no longer be changed here, and not yet there."""
    claim = claims.live(connection, hashes)
    if claim is not None:
        raise NotWhileHeld(ASK_AGAIN, f"the torrent is just being placed on {claim.node}; ask again in a moment")


def _delete(connection: Connection, hashes: InfoHashes, now: float) -> bool:
    claims.give_up_doubts(connection, hashes)  # a node may yet take it from an add that was never answered
    return let_go(connection, hashes, now)


def _edit(connection: Connection, one: held.Held, edited: Fields, now: float) -> None:
    fields = {**one.fields, **edited}
    title = fields.get("rename") or one.title
    held.change(connection, one.id, fields=fields, category=fields.get("category", ""), title=title)
    changed = held.get(connection, one.id)
    submission = submission_of(connection, changed) if changed else None
    if submission is not None:
        show(connection, submission, one.held_at, now)
