"""What can be told, and to whom: the events, and the addresses that Apprise knows.

An address mostly is a secret as a whole, so targets are called by their place in the list, their scheme and, where it
cannot hold a token, their host.
"""

import logging
from collections.abc import Sequence
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from apprise import Apprise, NotifyBase
from marshmallow import ValidationError

from qbdispatch.config.fields import TEXT, Value

_OPEN_HOSTS = frozenset({"json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos", "gotify", "gotifys"})
_LONGEST_HOST = 40


class Event(StrEnum):
    """What users may want to be told of."""

    PLACED = "placed"
    REFUSED = "refused"
    HELD = "held"
    NODE_DOWN = "node_down"
    NODE_UP = "node_up"
    SPACE_BELOW = "space_below"
    AUTH_FAILED = "auth_failed"


class TargetUrl(Value[str]):
    """An address in Apprise's form."""

    def check(self, value: Any) -> str:
        url = TEXT.check(value)
        if apprise_target(url) is None:
            raise ValidationError("is not an address that Apprise knows; see https://github.com/caronc/apprise/wiki")
        return url


def apprise_target(url: str) -> NotifyBase | None:
    """What delivers to this address; `None` if Apprise cannot make sense of it."""
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # it logs addresses, with what is secret in them
    found = Apprise.instantiate(url)
    return found if isinstance(found, NotifyBase) else None


def target_names(urls: Sequence[str]) -> list[str]:
    """How the targets are called, in order."""
    return [f"{number} {_shown(url)}" for number, url in enumerate(urls, start=1)]


def _shown(url: str) -> str:
    scheme = url.partition("://")[0].lower()
    host = urlsplit(url).hostname if scheme in _OPEN_HOSTS else None
    return f"{scheme[:12]}://{host[:_LONGEST_HOST] if host else '…'}"
