"""Categories and tags: one set for the whole fleet, kept in the store and made on every node.

A node that is away gets what it missed when it is back (`dispatch.labelling`), so no call fails because of one.
"""

import json
import logging

from flask import Response
from werkzeug.exceptions import BadRequest

from qbdispatch.arr.reply import json_text, text
from qbdispatch.arr.values import required, values
from qbdispatch.dispatch.actions import CONFLICT, ActionFailed
from qbdispatch.dispatch.labelling import define_new, names
from qbdispatch.dispatch.library import Entry
from qbdispatch.dispatch.request import is_category
from qbdispatch.services import services
from qbdispatch.store import labels, mirror
from qbdispatch.store.labels import Kind

log = logging.getLogger(__name__)


def categories() -> Response:
    """All categories, by name."""
    defined = _defined(Kind.CATEGORY)
    return json_text(json.dumps({name: {"name": name, "savePath": path} for name, path in defined.items()}))


def create_category() -> Response:
    """A new category; 409 where its name is taken or cannot be."""
    (name,) = required("category")
    if not name:
        raise BadRequest("Category name cannot be empty")
    if not is_category(name):
        return text("Incorrect category name", CONFLICT)
    if name in _defined(Kind.CATEGORY):
        return text("Unable to create category", CONFLICT)
    save_path = _set_category(name)
    _tell_all("torrents/createCategory", {"category": name, "savePath": save_path, **_for_unfinished()})
    return text("")


def edit_category() -> Response:
    """Another save path for a category; 409 where there is none of that name. No poll makes up for a node that does
    not answer, since nodes may have save paths of their own for a category: the client has to ask again."""
    name, _ = required("category", "savePath")
    if not name:
        raise BadRequest("Category name cannot be empty")
    if name not in _defined(Kind.CATEGORY):
        return text("Unable to edit category", CONFLICT)
    save_path = _set_category(name)
    fields = {"category": name, "savePath": save_path, **_for_unfinished()}
    services().actions.everywhere("torrents/editCategory", fields)
    return text("")


def remove_categories() -> Response:
    """Remove categories, named one a line."""
    (names,) = required("categories")
    removed = [name for name in names.split("\n") if name]
    _drop(Kind.CATEGORY, removed, "torrents/removeCategories", {"categories": names})
    _read_back([entry for entry in services().library.newest().by_key.values() if entry.category in removed])
    return text("")


def tags() -> Response:
    """All tags."""
    return json_text(json.dumps(sorted(_defined(Kind.TAG))))


def create_tags() -> Response:
    """New tags, separated by commas; those that exist stay."""
    (given,) = required("tags")
    _define(Kind.TAG, dict.fromkeys(names(given), ""))
    _tell_all("torrents/createTags", {"tags": given})
    return text("")


def delete_tags() -> Response:
    """Remove tags, also from torrents."""
    (given,) = required("tags")
    removed = names(given)
    _drop(Kind.TAG, removed, "torrents/deleteTags", {"tags": given})
    entries = services().library.newest().by_key.values()
    _read_back([entry for entry in entries if set(names(entry.row["tags"])) & set(removed)])
    return text("")


def define_tags(given: str) -> None:
    """Torrents get these: the node that has them knows them then, and the whole fleet is to know them."""
    if set(names(given)) - _defined(Kind.TAG).keys():
        with services().store.write() as connection:
            define_new(connection, "", given)


def _set_category(name: str) -> str:
    save_path = values().get("savePath", "")
    _define(Kind.CATEGORY, {name: save_path})
    return save_path


def _for_unfinished() -> dict[str, str]:
    """A category's folder for unfinished torrents: passed on to the nodes, not kept."""
    return {name: values()[name] for name in ("downloadPathEnabled", "downloadPath") if name in values()}


def _defined(kind: Kind) -> dict[str, str]:
    return services().library.shelf().defined(kind)


def _define(kind: Kind, named: dict[str, str]) -> None:
    with services().store.write() as connection:
        labels.define(connection, kind, named, revision=mirror.next_revision(connection))


def _drop(kind: Kind, names: list[str], endpoint: str, fields: dict[str, str]) -> None:
    with services().store.write() as connection:
        labels.drop(connection, kind, names, revision=mirror.next_revision(connection))
    _tell_all(endpoint, fields)


def _tell_all(endpoint: str, fields: dict[str, str]) -> None:
    try:
        services().actions.everywhere(endpoint, fields)
    except ActionFailed as error:
        log.info("%s: left to the next poll for: %s", endpoint, error)


def _read_back(entries: list[Entry]) -> None:
    try:
        services().actions.refresh(entries)
    except ActionFailed as error:
        log.info("rows left to the next poll for: %s", error)
