"""What `engine.Store` has to know of the database that it stands on; `sqlite` and `postgresql` each describe theirs."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from qbdispatch.store.tables import storable

BUSY_SECONDS = 10.0
"""How long a caller waits for its turn before it is told that the store is too busy."""


@dataclass(frozen=True, slots=True)
class Database:
    """An engine whose driver leaves transactions to us, and the statements that begin them.

    `readers`: how many transactions of one process may read at a time. `clock`: a query for the database's own time
    (seconds since 1970), where hosts that do not share a clock may share the database. Of a failure, `is_busy` says
    that another writer was waited for in vain, `is_stale` that the connection had ended before it was used, `is_away`
    that the whole database does not answer, and `describe` what went wrong, in a line without secrets.
    """

    engine: Engine
    begin_read: str
    begin_write: str
    readers: int
    clock: str | None
    is_busy: Callable[[DBAPIError], bool]
    is_stale: Callable[[DBAPIError], bool]
    is_away: Callable[[DBAPIError], bool]
    describe: Callable[[DBAPIError], str]


def json_text(value: Any) -> str:
    """JSON that every database takes and can look into: NaN or Infinity, which a node may answer, become null, and text
    is as `storable` makes it."""
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError:
        text = json.dumps(json.loads(json.dumps(value), parse_constant=lambda _: None))
    return json.dumps(_storable(json.loads(text))) if "\\u0000" in text or "\\ud" in text else text


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(name): _storable(one) for name, one in value.items()}
    return [_storable(one) for one in value] if isinstance(value, list) else value
