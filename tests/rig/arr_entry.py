"""The download client entry of Sonarr and Radarr: its fields with their defaults, its masks and its rules.

Facts from Sonarr @49df353 and Radarr @1b9662d: QBittorrentSettings.cs and RuleBuilderExtensions.cs (fields, rules),
SchemaBuilder.cs (masks), DownloadClientResource.cs (the rest of an entry), NzbDroneValidationFailure.cs.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any, Literal

Row = dict[str, Any]
MASK = "********"
SECRET = ("password", "apiKey")
_CATEGORY = re.compile(r"([^\\/](/?[^\\/])*)?")
_HOST = re.compile(r"[-_a-z0-9.]+", re.IGNORECASE)
_NO_BASE = re.compile(r"/?https?://[-_a-z0-9.]+", re.IGNORECASE)
TYPES: dict[str, type] = {"textbox": str, "password": str, "checkbox": bool}
WHOLE = {"port", "initialState", "contentLayout"} | {
    f"{age}{media}Priority" for age in ("recent", "older") for media in ("Tv", "Movie")
}
HEADS = {"name", "enable", "protocol", "priority", "removeCompletedDownloads", "removeFailedDownloads", "tags"} | {
    "implementation",
    "implementationName",
    "configContract",
}


def _field(name: str, kind: str, value: Any, privacy: str = "normal") -> Row:
    return {"order": 0, "name": name, "label": name, "value": value, "type": kind, "privacy": privacy}


def fields_of(kind: Literal["sonarr", "radarr"]) -> list[Row]:
    """The settings of its qBittorrent, with their defaults; only Sonarr has an API key."""
    media, category = ("tv", "tv-sonarr") if kind == "sonarr" else ("movie", "radarr")
    only_sonarr = kind == "sonarr"
    return [
        _field("host", "textbox", "localhost"),
        _field("port", "textbox", 8080),
        _field("useSsl", "checkbox", False),
        _field("urlBase", "textbox", None),
        *([_field("apiKey", "textbox", None, "apiKey")] if only_sonarr else []),
        _field("username", "textbox", None, "userName"),
        _field("password", "password", None, "password"),
        _field(f"{media}Category", "textbox", category),
        _field(f"{media}ImportedCategory", "textbox", None),
        _field(f"recent{media.title()}Priority", "select", 0),
        _field(f"older{media.title()}Priority", "select", 0),
        _field("initialState", "select", 0),
        _field("sequentialOrder", "checkbox", False),
        _field("firstAndLast", "checkbox", False),
        _field("contentLayout", "select", 0),
        *([_field("addSeriesTags", "checkbox", False)] if only_sonarr else []),
    ]


def values_of(entry: Row) -> Row:
    """The settings of an entry by name."""
    return {row["name"]: row.get("value") for row in entry.get("fields") or []}


def masked(entry: Row) -> Row:
    """As it shows an entry: secrets that are set are hidden."""
    fields = [{**row, "value": MASK} if row["value"] and row["privacy"] in SECRET else row for row in entry["fields"]]
    return entry | {"fields": fields}


def faults_of(values: Row) -> list[Row]:
    """What its validation says of the settings."""
    failures = []
    if not _is_host(values["host"] or ""):
        failures.append(failure("Host", "must be valid Host without http://"))
    if not 1 <= int(values["port"] or 0) <= 65535:
        failures.append(failure("Port", "'Port' must be between 1 and 65535."))
    if _NO_BASE.match(values["urlBase"] or ""):
        failures.append(failure("UrlBase", "Must be a valid URL path (ie: '/sonarr')"))
    for name in (name for name in values if name.endswith("Category")):
        if not _CATEGORY.fullmatch(values[name] or ""):
            failures.append(failure(name[0].upper() + name[1:], "Can not contain '\\', '//', or start/end with '/'"))
    for name in ("username", "password"):
        if values.get("apiKey") and values[name]:
            failures.append(failure(name.title(), f"{name.title()} must be empty when using API Key."))
    return failures


def failure(name: str, message: str, *, is_warning: bool = False) -> Row:
    """One of a refusal, as it is sent; what only warns says so by `isWarning` alone."""
    return {"propertyName": name, "errorMessage": message, "severity": "error", "isWarning": is_warning}


def _is_host(text: str) -> bool:
    """`ValidHost`: a name, or an address of either kind, with or without the brackets of IPv6."""
    try:
        ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return _HOST.fullmatch(text) is not None
    return True
