"""The parameters of a call, read as qBittorrent does: GET and HEAD from the query alone, POST from the body alone."""

from collections.abc import Mapping

from flask import request
from werkzeug.exceptions import BadRequest

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def require_form() -> None:
    """For `before_request`: a body that is no form is a broken request, an empty one of any type is fine."""
    if request.content_length and request.mimetype not in _FORMS:
        raise BadRequest("the body is not a form")


def values() -> Mapping[str, str]:
    """The call's parameters; of one that is given twice, the first."""
    return request.form if request.method == "POST" else request.args


def required(*names: str) -> list[str]:
    """The values of these parameters. Raises `BadRequest` where one is missing."""
    given = values()
    missing = [name for name in names if name not in given]
    if missing:
        raise BadRequest(f"Missing required parameters: {', '.join(missing)}")
    return [given[name] for name in names]


def flag(name: str) -> bool | None:
    """A truth value in any case; `None` for what is neither, and for none."""
    return {"true": True, "false": False}.get(values().get(name, "").lower())


def whole(name: str) -> int:
    """A whole number; 0 for anything else, as qBittorrent takes it."""
    text = values().get(name, "").strip()
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 19 else 0
