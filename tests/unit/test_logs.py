"""Log lines as text and as JSON, and the ids of requests in them."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import datetime

import pytest

from qbdispatch.logs import (
    UnknownLogFormat,
    begin_request,
    dict_config,
    end_request,
    fields,
    formatter,
    forwarded_headers,
    unquoted,
)


def _line(format_: str, message: str, *args: object, **values: object) -> str:
    record = logging.LogRecord("qbdispatch.x", logging.WARNING, "x.py", 1, message, args, None)
    vars(record).update(fields(**values))
    return formatter(format_).format(record)


def test_json_has_one_object_a_line_with_time_level_logger_event_and_fields() -> None:
    """In this order; the time is RFC 3339 in UTC; what is not known is left out."""
    line = json.loads(_line("json", "add of %s", "a\nb ü", node="box-1", size_gb=1.5, decision=None))
    assert list(line)[:4] == ["ts", "level", "logger", "event"]
    assert (line["level"], line["logger"], line["event"]) == ("warning", "qbdispatch.x", "add of a\nb ü")
    assert (line["node"], line["size_gb"], "decision" in line) == ("box-1", 1.5, False)
    assert line["ts"].endswith("Z")
    assert datetime.fromisoformat(line["ts"]).tzinfo is not None


@pytest.mark.parametrize("hostile", ["a\nERROR forged", "\x1b[2J", "\u2028x", "\ud800", "\x85", "a\r"])
def test_a_line_is_one_line_whatever_is_in_it(hostile: str) -> None:
    """A name from outside cannot begin a line of its own or move the cursor of a terminal."""
    for format_ in ("text", "json"):
        line = _line(format_, "torrent %s", hostile, name=hostile)
        assert len(line.splitlines()) == 1
        assert not re.search("[\x00-\x1f\x7f-\x9f]", line)
        line.encode()


def test_no_field_can_take_the_place_of_what_a_line_consists_of() -> None:
    """Not even those names that `logging` keeps for itself."""
    line = json.loads(_line("json", "said", event="forged", level="debug", name="kept", args="kept"))
    assert (line["event"], line["level"], line["name"], line["args"]) == ("said", "warning", "kept", "kept")


def test_text_has_fields_that_can_be_told_apart() -> None:
    """Quoted where they hold a blank, a quote or an equals sign."""
    assert _line("text", "said", a="x", b="x y", c='"', d="k=v", e=3).endswith(
        r'warning qbdispatch.x: said a=x b="x y" c="\"" d="k=v" e=3'
    )


def test_a_traceback_is_in_the_object_and_below_the_text() -> None:
    """JSON stays one line."""
    try:
        int("odd")
    except ValueError:
        record = logging.LogRecord("qbdispatch.x", logging.ERROR, "x.py", 1, "failed", (), sys.exc_info())
    assert "ValueError: invalid literal" in json.loads(formatter("json").format(record))["exception"]
    first, *rest = formatter("text").format(record).splitlines()
    assert first.endswith("failed")
    assert rest[-1].startswith("ValueError: invalid literal")


@pytest.mark.parametrize("given", ["a", "!~", "x" * 128, "0b7e-4f"])
def test_a_sane_request_id_is_kept(given: str) -> None:
    """And is in each line and each call that follows, until the request ends."""
    assert begin_request(given) == given
    assert json.loads(_line("json", "said"))["request_id"] == given
    assert forwarded_headers() == {"X-Request-ID": given}
    end_request()
    assert forwarded_headers() == {}
    assert "request_id" not in json.loads(_line("json", "said"))


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a b", "a\tb", "ü", "a\n", "\x7f"])
def test_any_other_request_id_is_replaced(given: str | None) -> None:
    """By one that is new each time."""
    made = {begin_request(given) for _ in range(3)}
    end_request()
    assert len(made) == 3
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in made)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Invalid request from ip=::1: Invalid HTTP Header: 'X-API-Key s3cret: s3cret'", "Invalid HTTP Header …"),
        ("Invalid request from ip=: Invalid chunk terminator is not '\\r\\n': b's3cret'", "chunk terminator is not …"),
        ("Invalid request from ip=10.0.0.1: Request Line is too large (9 > 8)", "is too large (9 > 8)"),
        ("Error handling request GET /x?key=s3cret&b='", "Error handling request GET /x …"),
        ("Error handling request (no URI read)", "(no URI read)"),
        ("Listening at: http://127.0.0.1:8000 ('1')", "('1')"),
    ],
)
def test_what_gunicorn_says_of_a_request_does_not_repeat_it(said: str, kept: str) -> None:
    """But who sent it and what is wrong; its other lines stay as they are."""
    record = logging.LogRecord("gunicorn.error", logging.WARNING, "x.py", 1, said, (), None)
    assert unquoted(record)
    assert record.getMessage().endswith(kept)
    assert "s3cret" not in record.getMessage()


def test_an_unknown_format_is_refused() -> None:
    """With the ones there are, and where it was set."""
    with pytest.raises(UnknownLogFormat, match="text or json; correct QBDISPATCH_LOG_FORMAT"):
        dict_config("xml")
