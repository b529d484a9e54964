"""Reads the fields of a submission: types, limits, and exactly one torrent among them."""

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from qbdispatch.config.settings import FetchSettings, gib
from qbdispatch.dispatch.intake import read_link
from qbdispatch.dispatch.request import Submission, is_category
from qbdispatch.torrents.errors import TorrentError
from qbdispatch.torrents.metainfo import parse_torrent_file

MAX_SIZE_GB = 2.0**20
MAX_NAME_CHARACTERS = 1000


def _printable(text: str) -> None:
    if any(character < " " or "\ud800" <= character <= "\udfff" for character in text):
        raise ValidationError("Control characters and unpaired surrogates are not allowed.")


def _category(text: str) -> None:
    """qBittorrent drops a name that it does not accept without a word; we say so."""
    if text and not is_category(text):
        raise ValidationError('Use names separated by single "/", without "\\" and without "/" at either end.')


class SubmissionSchema(Schema):
    """The fields of `/submit`, as the API reference shows them."""

    class Meta:
        unknown = RAISE

    name = fields.Str(
        allow_none=True,
        validate=[validate.Length(max=MAX_NAME_CHARACTERS), _printable],
        metadata={"description": "What people shall know it by."},
    )
    category = fields.Str(
        allow_none=True,
        validate=[validate.Length(max=255), _printable, _category],
        metadata={"description": "As in qBittorrent."},
    )
    size_estimate_gb = fields.Float(
        allow_none=True,
        allow_nan=False,
        validate=validate.Range(min=0, max=MAX_SIZE_GB, min_inclusive=False),
        metadata={"description": "What to claim for a magnet, which does not tell its size."},
    )
    magnet = fields.Str(
        allow_none=True,
        validate=_printable,
        metadata={"description": "A magnet link or a bare hash. Give exactly one of magnet, url and torrent."},
    )
    url = fields.Str(
        allow_none=True,
        validate=_printable,
        metadata={"description": "Address of a .torrent file, which is fetched here; or a magnet link."},
    )


_schema = SubmissionSchema()


def read_submission(raw: Any, content: bytes | None, fetch: FetchSettings) -> Submission:
    """The submission that these fields describe. Raises marshmallow's `ValidationError`, which names each field at
    fault. `content` is the uploaded .torrent file, if any; a `url` is fetched here."""
    if not isinstance(raw, dict):
        raise ValidationError("Send a JSON object with magnet or url, or upload a torrent file.", "body")
    values = {name: value for name, value in _schema.load(raw).items() if value not in (None, "")}
    given = [name for name in ("magnet", "url") if name in values] + (["torrent"] if content is not None else [])
    if len(given) != 1:
        raise ValidationError(f"Give exactly one of magnet, url and torrent (got {len(given)}).", "magnet")
    try:
        source = parse_torrent_file(content) if content is not None else read_link(values[given[0]], fetch)
    except TorrentError as error:
        raise ValidationError(str(error), given[0]) from error
    estimate = values.get("size_estimate_gb")
    return Submission(
        source=source,
        name=values.get("name"),
        size_estimate_bytes=None if estimate is None else gib(estimate),
        fields={"category": values["category"]} if "category" in values else {},
    )
