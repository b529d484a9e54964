"""How log lines look, as text or as one JSON object each, and the request id that ties those of one request together.

What is said is up to whoever says it, through `logging`; `fields(...)` adds values that a machine can read. gunicorn's
own error log goes the same way (`gunicorn.conf.py`).
"""

import json
import logging
import logging.config
import re
import secrets
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars, merge_contextvars
from structlog.typing import EventDict, Processor

from qbdispatch.errors import QbdispatchError

FORMATS = ("text", "json")
REQUEST_ID_HEADER = "X-Request-ID"
_SANE_ID = re.compile(r"[!-~]{1,128}")
_PLAIN_VALUE = re.compile(r'[^\s"=\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_FIRST = ("ts", "level", "logger", "event")
_LEVELS = {"alembic": "WARNING", "qbittorrentapi": "WARNING", "urllib3": "ERROR"}
"""They say little below that, and urllib3 would say addresses that hold keys."""
_REPEATING = re.compile(
    r"""(Invalid\ request\ from\ ip=\S*:\ [^:'"]*)[:'"].* | (Error\ handling\ request\ [^?]*)\?.*""",
    re.DOTALL | re.VERBOSE,
)


class UnknownLogFormat(QbdispatchError):
    """Neither text nor JSON."""


def configure(format_: str) -> None:
    """Let everything this process logs go to its standard error in this format; `text` or `json`.

    Raises `UnknownLogFormat`.
    """
    logging.config.dictConfig(dict_config(format_))


def dict_config(format_: str) -> dict[str, Any]:
    """What `configure` sets up, in the form that `logging.config` and gunicorn take. Raises `UnknownLogFormat`."""
    if format_ not in FORMATS:
        raise UnknownLogFormat(f"the log format is {' or '.join(FORMATS)}; correct QBDISPATCH_LOG_FORMAT")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"qbdispatch": {"()": f"{__name__}.formatter", "format_": format_}},
        "filters": {"unquoted": {"()": lambda: unquoted}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "qbdispatch"}},
        "root": {"level": "INFO", "handlers": ["stderr"]},
        "loggers": {
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True, "filters": ["unquoted"]},
            "gunicorn.access": {"level": "WARNING", "handlers": [], "propagate": True},
            **{name: {"level": level} for name, level in _LEVELS.items()},
        },
    }


def formatter(format_: str) -> logging.Formatter:
    """A formatter for any record of `logging`."""
    chain: list[Processor] = [
        merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
        _take_fields,
    ]
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        _as_json if format_ == "json" else _as_text,
    ]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=chain, processors=last)


def unquoted(record: logging.LogRecord) -> bool:
    """A filter that lets gunicorn say what is wrong with a request, but not repeat what came from the client: header
    lines, queries and parts of bodies, which may hold keys and passwords."""
    found = _REPEATING.fullmatch(record.getMessage())
    if found:
        record.msg, record.args = f"{(found[1] or found[2]).rstrip()} …", ()
    return True


def fields(**values: Any) -> dict[str, Any]:
    """For the `extra` of a log call: `log.info("node up", extra=fields(node="box-1"))`. No name can collide with one
    that `logging` uses itself."""
    return {"fields": values}


def begin_request(given: str | None) -> str:
    """The id of the request that begins, for all log lines in its context: the client's own if it is fit to be
    logged and passed on (1 to 128 printable ASCII characters without blanks), else a new one."""
    request_id = given if given and _SANE_ID.fullmatch(given) else secrets.token_hex(8)
    clear_contextvars()  # the thread has served others before
    bind_contextvars(request_id=request_id)
    return request_id


def end_request() -> None:
    """What this thread logs next does not belong to the request."""
    clear_contextvars()


def forwarded_headers() -> dict[str, str]:
    """The headers that tell whom we call on which request's behalf; none outside of one."""
    request_id = get_contextvars().get("request_id")
    return {REQUEST_ID_HEADER: request_id} if request_id else {}


def _take_fields(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Fields come last and replace nothing."""
    given: Mapping[str, Any] = getattr(event["_record"], "fields", {})
    return {**{name: value for name, value in given.items() if value is not None}, **event}


def _ordered(event: MutableMapping[str, Any]) -> dict[str, Any]:
    return {name: event.pop(name) for name in _FIRST} | dict(event)


def _as_json(_logger: Any, _method: str, event: EventDict) -> str:
    """ASCII only, so that no half of a surrogate pair and no odd line separator breaks a reader."""
    return json.dumps(_ordered(event), default=str)


def _as_text(_logger: Any, _method: str, event: EventDict) -> str:
    """One line, whatever is in it; a traceback follows on lines of its own."""
    traceback = event.pop("exception", None)
    ordered = _ordered(event)
    head = " ".join(str(ordered.pop(name)) for name in _FIRST[:2])
    sentence = f"{head} {ordered.pop('logger')}: {_on_one_line(str(ordered.pop('event')))}"
    pairs = "".join(f" {name}={_value(value)}" for name, value in ordered.items())
    return sentence + pairs + (f"\n{traceback}" if traceback else "")


def _on_one_line(text: str) -> str:
    return _CONTROL.sub(lambda found: ascii(found.group())[1:-1], text)


def _value(value: Any) -> str:
    text = str(value)
    return text if _PLAIN_VALUE.fullmatch(text) else json.dumps(text)
