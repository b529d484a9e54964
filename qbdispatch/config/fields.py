"""The kinds of values a setting can have, each with a message that says what to write instead.

Messages do not echo what was written, for it might be a secret in the wrong place; only an address
without a scheme is repeated, where it holds nothing but a host, a port and a path.
"""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from ipaddress import IPv6Address
from typing import Any, TypeVar
from urllib.parse import urlsplit

from marshmallow import ValidationError
from marshmallow import fields as ma

T = TypeVar("T")

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
HOST_PORT_PATH = re.compile(r"[\w.:/\[\]-]{1,200}")
HOST = re.compile(r"[\w.-]+")
POSTGRESQL = "postgresql+psycopg://"
DEFAULT_PORTS = {"http": 80, "https": 443}
BIGGEST = 1e9  # as GiB still a 64-bit number of bytes


class Value(ma.Field[T]):
    """A field that hands each value to `check`, which returns it in its final form or raises."""

    def check(self, value: Any) -> T:
        raise NotImplementedError

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> T:
        return self.check(value)


class Text(Value[str]):
    """One line of text, of the form `pattern` if that is given; `must` says what the form is."""

    default_error_messages = {"null": "is empty; write a value"}  # noqa: RUF012 - marshmallow's way

    def __init__(self, pattern: str = r".+", must: str = "not be empty") -> None:
        super().__init__()
        self.pattern, self.must = re.compile(pattern), must

    def check(self, value: Any) -> str:
        if isinstance(value, bool | int | float):
            raise ValidationError("reads as a number or a yes/no in YAML; put it in quotes")
        if not isinstance(value, str):
            raise ValidationError("must be text")
        if CONTROL.search(value):
            raise ValidationError("holds a line break or another control character; take it out")
        if not self.pattern.fullmatch(value):
            raise ValidationError(f"must {self.must}")
        return value


TEXT = Text()
ANY_TEXT = Text(r".*")
NAME = Text(
    r"(?!\.\.?$)(?!\s)[^/\\?#%]{1,64}(?<!\s)",
    "be a name that can stand in an address: 1 to 64 characters, no / \\ ? # %, no blank at its ends",
)
API_KEY = Text(r"[!-~]([ -~]*[!-~])?", "be plain ASCII without blanks at its ends: it travels in an HTTP header")
PASSWORD_HASH = Text(
    r"\$argon2(id|i|d)\$[!-~]+|@ByteArray\([A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+\)",
    "be what `qbdispatch hash-password` prints, in single quotes",
)
FOLDER = Text(r"(/|[A-Za-z]:[\\/]|\\\\).*", "be a whole path; begin it with / or a drive letter")


class Url(Value[str]):
    """An http(s) address without credentials, query or fragment; a path prefix stays, a last slash goes."""

    def check(self, value: Any) -> str:
        url = TEXT.check(value)
        if "@" in url:
            raise ValidationError("has a user name or password in it; give those in settings of their own")
        if set(url) & set("?#\\ "):
            raise ValidationError("must end with its path; take out blanks and ? # \\")
        if "://" not in url:
            shown = url if HOST_PORT_PATH.fullmatch(url) else ""
            raise ValidationError(f'"{shown}" has no scheme; write http://{shown or "HOST:PORT"}')
        try:
            return _plain(url)
        except ValueError:
            raise ValidationError("is not an address; write http://HOST:PORT or https://HOST:PORT") from None


class StoreUrl(Value[str]):
    """Where the store is: a SQLite file, whose relative path the loader makes absolute, or a PostgreSQL database."""

    def check(self, value: Any) -> str:
        url = TEXT.check(value)
        if url.startswith("sqlite:"):
            return self._file(url)
        if url.startswith(POSTGRESQL):
            return self._server(url)
        if url.startswith(("postgresql", "postgres")):
            raise ValidationError(f"must begin with {POSTGRESQL}, which names the driver")
        raise ValidationError(
            f"must begin with sqlite: or {POSTGRESQL}; write sqlite:///qbdispatch.sqlite3 "
            f"or {POSTGRESQL}USER:PASSWORD@HOST/DATABASE"
        )

    def _file(self, url: str) -> str:
        file = url.removeprefix("sqlite:///")
        if file in {"", url} or file.endswith("/") or ":memory:" in file or "?" in file:
            raise ValidationError("must name a file all workers can open; write sqlite:///name or sqlite:////path")
        return url

    def _server(self, url: str) -> str:
        try:
            parts = urlsplit(url)
            named = bool(parts.netloc and parts.path.strip("/")) and parts.port != 0
        except ValueError:
            named = False
        if not named:
            raise ValidationError(f"must name host and database; write {POSTGRESQL}USER:PASSWORD@HOST/DATABASE")
        if parts.netloc.count("@") > 1:  # the driver would take its end for the host, and say so in the log
            raise ValidationError("has an @ in its user name or password; write it as %40")
        if find_spec("psycopg") is None:
            raise ValidationError("needs the driver of PostgreSQL; run pip install 'qbdispatch[postgresql]'")
        return url


class Number(Value[float]):
    """A number within bounds; text like "50" is taken too, so that ${ENV_VAR} can hold one."""

    def __init__(self, least: float = 0, most: float = BIGGEST) -> None:
        super().__init__()
        self.least, self.most = least, most

    def check(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValidationError("must be a number")
        try:
            number = float(value)
        except (ValueError, OverflowError):
            raise ValidationError("must be a number") from None
        if not self.least <= number <= self.most:  # as is NaN
            raise ValidationError(f"must be a number from {self.least:.10g} to {self.most:.10g}")
        return number


class Whole(Number):
    """A whole number within bounds."""

    def check(self, value: Any) -> int:
        number = super().check(value)
        if not number.is_integer():
            raise ValidationError("must be a whole number")
        return int(number)


class NumbersByName(Value[Mapping[str, float]]):
    """Numbers under names of the user's own."""

    def check(self, value: Any) -> Mapping[str, float]:
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
            raise ValidationError("must be lines of `name: number`; put a name that is a number in quotes")
        numbers, errors = {}, {}
        for name, number in value.items():
            try:
                numbers[name] = Number().check(number)
            except ValidationError as error:
                errors[name] = error.messages
        if errors:
            raise ValidationError(errors)
        return numbers


def _plain(url: str) -> str:
    """The address in its one spelling, so that twins are equal; ValueError if there is none."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme not in DEFAULT_PORTS or port == 0 or not (":" in host or HOST.fullmatch(host)):
        raise ValueError
    shown_host = f"[{IPv6Address(host)}]" if ":" in host else host
    shown_port = "" if port in {None, DEFAULT_PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{shown_host}{shown_port}{parts.path.rstrip('/')}"
