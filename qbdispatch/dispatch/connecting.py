"""Connects a Sonarr or Radarr by itself: makes, updates and removes one download client entry of its own there.

It owns the entry of one name ("qbdispatch" unless told otherwise) and touches no other, so that taking it back is
deleting it. Facts, from Sonarr @49df353 and Radarr @1b9662d: an entry is a `DownloadClientResource` with the settings
as `fields` of name and value (ProviderResource.cs); `downloadclient/schema` has a template of each implementation;
names are unique without regard to case (ProviderControllerBase.cs); fields that it does not know are dropped without
a word, so only those of the template are set; passwords and keys are shown as `********`, and a field sent with that
value keeps what it was (SchemaBuilder.cs); the names of the fields are those of QBittorrentSettings.cs.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from qbdispatch.config.fields import DEFAULT_PORTS
from qbdispatch.dispatch.arr_api import ArrApi, ArrInvalid, Failure
from qbdispatch.errors import QbdispatchError

IMPLEMENTATION = "QBittorrent"
ENTRY_NAME = "qbdispatch"
MASK = "********"
_SECRET = ("password", "apiKey")
_CATEGORIES = ("tvCategory", "movieCategory")
Entry = dict[str, Any]


class Unconnectable(QbdispatchError):
    """An instance cannot be connected this way; the text says what to do instead."""


class Address(NamedTuple):
    """Our address taken apart. *arr writes host and port into a URL as they stand, so an IPv6 host has its brackets
    (HttpRequestBuilder.cs)."""

    host: str
    port: int
    uses_tls: bool
    base: str


@dataclass(frozen=True, slots=True)
class Target:
    """What the entry is to say: where *arr reaches us, and with what. Empty means without."""

    url: str
    username: str = ""
    password: str = ""
    api_key: str = ""
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One value of the entry that will be another. Secrets are masked on both sides."""

    field: str
    before: str
    after: str

    @property
    def is_hidden(self) -> bool:
        """Whether it may be none, which the masks do not tell."""
        return self.before == self.after == MASK


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be saved. `neighbours`: other entries that point to us already, whose torrents *arr would see twice."""

    entry: Entry
    is_new: bool
    changes: tuple[Change, ...]
    neighbours: tuple[str, ...]


def points_to(entry: Entry, url: str) -> bool:
    """Whether a download client entry is the qBittorrent at this address."""
    if entry.get("implementation") != IMPLEMENTATION:
        return False
    values, us = values_of(entry), address(url)
    return str(values.get("host")).lower() == us.host.lower() and str(values.get("port")) == str(us.port)


def unlike(entry: Entry, url: str, username: str | None) -> list[str]:
    """What keeps an entry that points to us from getting in, as far as it shows: secrets do not. With a key it needs
    no user name, and neither does who asks for none."""
    values, us = values_of(entry), address(url)
    wrong = []
    if bool(values.get("useSsl")) is not us.uses_tls:
        wrong.append(f"Use SSL must be {'on' if us.uses_tls else 'off'}")
    if str(values.get("urlBase") or "").strip("/") != us.base.strip("/"):
        wrong.append(f"URL Base must be {us.base or 'empty'}")
    if username is not None and not values.get("apiKey") and values.get("username") != username:
        wrong.append("its user name is not auth.username")
    return wrong


def category_of(entry: Entry) -> str:
    """The category whose torrents it takes for its own; "" is all."""
    values = values_of(entry)
    return next((str(values[field] or "") for field in _CATEGORIES if field in values), "")


def plan(api: ArrApi, target: Target, name: str = ENTRY_NAME) -> Plan:
    """What it takes to connect; nothing is changed yet. Raises `ArrError` and `Unconnectable`.

    A stored secret cannot be read back, so the standing entry is tried out as it is: if *arr gets in with what it
    has, the secret counts as unchanged.
    """
    rows = api.rows("downloadclient")
    standing = _named(rows, name)
    if standing is not None and standing.get("implementation") != IMPLEMENTATION:
        raise Unconnectable(f'it has a download client "{name}" of another kind; choose another name with --entry')
    template = standing or _template(api)
    entry, changes = _filled(template, _wanted(template, target), None if standing else name)
    if standing is not None and changes and all(change.is_hidden for change in changes) and _works(api, standing):
        changes = ()
    neighbours = [str(row.get("name")) for row in rows if row is not standing and points_to(row, target.url)]
    return Plan(entry, standing is None, changes, tuple(neighbours))


def carry_out(api: ArrApi, made: Plan) -> list[Failure]:
    """Have *arr test the entry, and save it if that goes well; answers its warnings. Raises `ArrInvalid` with what
    the test found, and then nothing is changed."""
    warnings = api.try_out(made.entry)
    api.save(made.entry)
    return warnings


def disconnect(api: ArrApi, name: str = ENTRY_NAME) -> bool:
    """Remove the entry of that name; whether there was one. Raises `ArrError` and `Unconnectable`."""
    standing = _named(api.rows("downloadclient"), name)
    if standing is None:
        return False
    if standing.get("implementation") != IMPLEMENTATION:
        raise Unconnectable(f'its download client "{name}" is no qBittorrent, so it was not made by connect')
    api.delete(int(standing["id"]))
    return True


def _works(api: ArrApi, standing: Entry) -> bool:
    try:
        api.try_out(standing)
    except ArrInvalid:
        return False
    return True


def _named(rows: list[Entry], name: str) -> Entry | None:
    return next((row for row in rows if str(row.get("name")).lower() == name.lower()), None)


def _template(api: ArrApi) -> Entry:
    for row in api.rows("downloadclient/schema"):
        if row.get("implementation") == IMPLEMENTATION:
            return {key: value for key, value in row.items() if key not in ("id", "presets")} | {"tags": []}
    raise Unconnectable(
        "it offers no qBittorrent as a download client; is it a Sonarr or Radarr of version 3 or later?"
    )


def _wanted(template: Entry, target: Target) -> dict[str, Any]:
    """Values by field, of the fields that this version of *arr has. The category's is named after the kind of
    library: tvCategory, movieCategory."""
    us = address(target.url)
    fields = values_of(template)
    if target.api_key and "apiKey" not in fields:
        raise Unconnectable("its qBittorrent has no field for an API key; set auth.username and a password for it")
    wanted = {
        "host": us.host,
        "port": us.port,
        "useSsl": us.uses_tls,
        "urlBase": us.base,
        "username": target.username,
        "password": target.password,
        "apiKey": target.api_key,
    }
    category = next((field for field in _CATEGORIES if field in fields), None)
    if category and target.category is not None:
        wanted[category] = target.category
    return {field: value for field, value in wanted.items() if field in fields}


def _filled(template: Entry, wanted: dict[str, Any], new_name: str | None) -> tuple[Entry, tuple[Change, ...]]:
    """The entry with the wanted values, and what differs. `new_name` for an entry that does not exist yet."""
    fields, changes = [], []
    for row in template.get("fields") or []:
        name, before = str(row.get("name")), row.get("value")
        after = wanted.get(name, before)
        if (after or "") != (before or ""):
            secret = row.get("privacy") in _SECRET or name in _SECRET
            changes.append(Change(name, _shown(before, secret), _shown(after, secret)))
        fields.append({**row, "value": after})
    head: dict[str, Any] = {"enable": True}
    if new_name is not None:
        head |= {"name": new_name, "priority": template.get("priority") or 1}
    for key, value in head.items():
        if template.get(key) != value:
            changes.append(Change(key, _shown(template.get(key), False), _shown(value, False)))
    return {**template, **head, "fields": fields}, tuple(changes)


def _shown(value: Any, secret: bool) -> str:
    if value is None or value == "":
        return ""
    return MASK if secret else str(value).lower() if isinstance(value, bool) else str(value)


def values_of(entry: Entry) -> dict[str, Any]:
    """The settings of an entry by field."""
    return {str(row.get("name")): row.get("value") for row in entry.get("fields") or [] if isinstance(row, dict)}


def address(url: str) -> Address:
    """Where an address leads, as *arr wants it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    return Address(f"[{host}]" if ":" in host else host, port, parts.scheme == "https", parts.path.rstrip("/"))
