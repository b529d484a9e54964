"""What a scripted node answers about single torrents, and to calls that change torrents, categories and tags.

Owns: endpoints by version, the fields each insists on, and their effects on rows. Logins, adds and faults are
scripted.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from tests.rig.scripted_server import json_answer, text_answer
from tests.rig.scripted_torrents import Row

if TYPE_CHECKING:
    from tests.rig.scripted import ScriptedNode

Fields = Mapping[str, str]
Action = Callable[["ScriptedNode", list[Row], Fields], Response | None]
DETAILS = ("properties", "files", "trackers", "webseeds", "pieceStates", "pieceHashes")
_LISTED = (("trackers", "includeTrackers", (5, 1)), ("files", "includeFiles", (5, 2)))
_LIMITS = ("ratioLimit", "seedingTimeLimit")
# fmt: off
_NO_EFFECT = (
    "recheck", "reannounce", "setForceStart", "setSuperSeeding", "setAutoManagement", "addPeers", "setUploadLimit",
    "filePrio",
)
# fmt: on


def answer(node: ScriptedNode, endpoint: str, method: str, values: Fields) -> Response:
    """The answer to any `torrents/` call but add and delete; 404 for what this version does not know."""
    if endpoint == "transfer/speedLimitsMode":
        return text_answer("0")
    name = endpoint.removeprefix("torrents/")
    if name == "info":
        return _info(node, values)
    if name == "categories":
        return json_answer(node.categories)
    if name in DETAILS:
        return _detail(node, name, values.get("hash", ""))
    action = _actions(node.numbers).get(name)
    if action is None:
        return text_answer("Not Found", 404)
    if method != "POST":
        return text_answer("Method Not Allowed", 405)
    node.requests.append((name, dict(values)))
    missing = [field for field in _required(name, node.numbers) if field not in values]
    if missing:
        return text_answer(f"Missing required parameters: {', '.join(missing)}", 400)
    return action(node, list(_chosen(node, values)), values) or text_answer("")


def _info(node: ScriptedNode, values: Fields) -> Response:
    asked = set(values["hashes"].lower().split("|")) if "hashes" in values else None
    rows = node.torrents_by_hash.items()
    return json_answer(
        [row | {"hash": key} | _listed(node, key, values) for key, row in rows if asked is None or key in asked]
    )


def _listed(node: ScriptedNode, key: str, values: Fields) -> Row:
    """What comes with the row where asked for; a torrent without metadata has no files there."""
    wanted = [kind for kind, option, since in _LISTED if option in values and node.numbers >= since]
    found = {kind: node.documents.get((key, kind), []) for kind in wanted}
    return {kind: told for kind, told in found.items() if told != [] or kind != "files"}


def _detail(node: ScriptedNode, kind: str, torrent_hash: str) -> Response:
    row = node.torrents_by_hash.get(torrent_hash)
    if row is None:
        return text_answer("Not Found", 404)
    known = {"properties": {name: row[name] for name in ("name", "save_path", "download_path")}}
    return json_answer(node.documents.get((torrent_hash, kind), known.get(kind, [])))


def _chosen(node: ScriptedNode, values: Fields) -> Iterable[Row]:
    named = values.get("hashes", values.get("hash", ""))
    rows = node.torrents_by_hash
    return rows.values() if named == "all" else [rows[one] for one in named.lower().split("|") if one in rows]


def _required(name: str, version: tuple[int, ...]) -> tuple[str, ...]:
    if name == "setShareLimits":
        inactive = ("inactiveSeedingTimeLimit",) if version >= (4, 6) else ()
        modern = ("shareLimitAction",) if version >= (5, 2) else ()
        mode = ("shareLimitsMode",) if version >= (5, 3) else ()
        return ("hashes", *_LIMITS, *inactive, *modern, *mode)
    return {"setCategory": ("hashes", "category"), "setTags": ("hashes", "tags"), "addTags": ("hashes", "tags")}.get(
        name, ()
    )


def _actions(version: tuple[int, ...]) -> dict[str, Action]:
    stopping = ("stop", "start", "stopped") if version >= (5, 0) else ("pause", "resume", "paused")
    found: dict[str, Action] = dict.fromkeys(_NO_EFFECT, lambda *_: None)
    found |= dict.fromkeys(("topPrio", "bottomPrio", "increasePrio", "decreasePrio"), _queue)
    found |= {stopping[0]: _stopper(stopping[2]), stopping[1]: _start}
    found |= {"setLocation": _setter("save_path", "location"), "rename": _setter("name", "name")}
    found |= {"setCategory": _set_category, "createCategory": _create, "editCategory": _edit}
    found |= {"removeCategories": _remove, "setShareLimits": _set_share_limits}
    found |= {"addTags": _add_tags, "removeTags": _remove_tags, "createTags": _create_tags, "deleteTags": _delete_tags}
    return found | ({"setTags": _set_tags} if version >= (5, 1) else {})


def _queue(node: ScriptedNode, rows: list[Row], values: Fields) -> Response | None:
    return None if node.preferences["queueing_enabled"] else text_answer("Torrent queueing must be enabled", 409)


def _stopper(word: str) -> Action:
    def stop(node: ScriptedNode, rows: list[Row], values: Fields) -> None:
        for row in rows:
            row["state"] = word + ("UP" if row["progress"] == 1 else "DL")

    return stop


def _start(node: ScriptedNode, rows: list[Row], values: Fields) -> None:
    for row in rows:
        row["state"] = "stalledUP" if row["progress"] == 1 else "stalledDL"


def _setter(field: str, parameter: str) -> Action:
    def change(node: ScriptedNode, rows: list[Row], values: Fields) -> None:
        for row in rows:
            row[field] = values[parameter]

    return change


def _set_share_limits(node: ScriptedNode, rows: list[Row], values: Fields) -> None:
    for row in rows:
        row |= {"ratio_limit": float(values["ratioLimit"]), "seeding_time_limit": int(values["seedingTimeLimit"])}


def _set_category(node: ScriptedNode, rows: list[Row], values: Fields) -> Response | None:
    if values["category"] and values["category"] not in node.categories:
        return text_answer("Incorrect category name", 409)
    for row in rows:
        row["category"] = values["category"]
    return None


def _create(node: ScriptedNode, rows: list[Row], values: Fields) -> Response | None:
    name = values["category"]
    if name in node.categories or name in node.refused_categories:
        return text_answer("Unable to create category", 409)
    node.categories[name] = {"name": name, "savePath": values.get("savePath", "")}
    return None


def _edit(node: ScriptedNode, rows: list[Row], values: Fields) -> Response | None:
    if values["category"] not in node.categories:
        return text_answer("Unable to edit category", 404 if node.numbers >= (5, 2) else 409)
    node.categories[values["category"]]["savePath"] = values["savePath"]
    return None


def _remove(node: ScriptedNode, rows: list[Row], values: Fields) -> None:
    for name in values["categories"].split("\n"):
        node.categories.pop(name, None)
        for row in node.torrents_by_hash.values():
            row["category"] = "" if row["category"] == name else row["category"]


def _tags(node: ScriptedNode, values: Fields) -> list[str]:
    """Before 5.0 a blank after the comma belongs to the tag."""
    names = values.get("tags", "").split(",")
    return [name for name in (names if node.numbers < (5, 0) else map(str.strip, names)) if name]


def _retag(row: Row, change: Callable[[set[str]], Any]) -> None:
    change(tags := {tag for tag in row["tags"].split(", ") if tag})
    row["tags"] = ", ".join(sorted(tags))


def _create_tags(node: ScriptedNode, rows: list[Row], values: Fields) -> None:
    node.tags |= set(_tags(node, values))


def _add_tags(node: ScriptedNode, rows: list[Row], values: Fields) -> None:
    _create_tags(node, rows, values)
    for row in rows:
        _retag(row, lambda tags: tags.update(_tags(node, values)))


def _remove_tags(node: ScriptedNode, rows: list[Row], values: Fields) -> None:
    for row in rows:
        _retag(row, lambda tags: tags.difference_update(_tags(node, values) or set(tags)))


def _set_tags(node: ScriptedNode, rows: list[Row], values: Fields) -> None:
    for row in rows:
        row["tags"] = ""
    _add_tags(node, rows, values)


def _delete_tags(node: ScriptedNode, rows: list[Row], values: Fields) -> None:
    node.tags -= set(_tags(node, values))
    _remove_tags(node, list(node.torrents_by_hash.values()), values)
