"""What gunicorn's master does: accepts the configuration at start and at SIGHUP, before any worker depends on it.

A worker that cannot start ends the whole service, so faults must be found here. The store is tried in a process of
its own, for nothing that it opens may be shared with the workers.
"""

import subprocess
import sys
from collections.abc import Callable

from qbdispatch.config.accepted import accept
from qbdispatch.config.faults import ConfigError
from qbdispatch.config.loader import load_settings
from qbdispatch.errors import QbdispatchError

START_REFUSED = 3  # what gunicorn itself answers with where a worker cannot start
TRY_STORE = (sys.executable, "-m", "qbdispatch.store.trial")
OPENED = "opened"
TRY_STORE_SECONDS = 600.0  # migrating, and rebuilding a damaged store, may take a while
Say = Callable[[str], None]


class StoreRefused(QbdispatchError):
    """The store that the configuration names cannot be opened."""


def begin() -> None:
    """Accept the configuration, or end this process with all its faults on stderr. A database elsewhere may be away
    while we start; a file that cannot be opened now cannot be opened later either."""
    try:
        settings = load_settings()
        if settings.database_url.startswith("sqlite:"):
            _try_store(settings.database_url)
        accept(settings)
    except (ConfigError, StoreRefused) as error:
        sys.stderr.write(f"qbdispatch cannot start:\n{error}\n")
        sys.exit(START_REFUSED)


def accept_changes(say: Say, complain: Say) -> bool:
    """Accept the configuration as it is now. `False` where it cannot be used: then the last one stays, and the log
    tells all faults."""
    try:
        settings = load_settings()
        _try_store(settings.database_url)
    except (ConfigError, StoreRefused) as error:
        complain(f"the configuration cannot be used; the service goes on with the one before:\n{error}")
        return False
    accept(settings)
    say("the configuration was read anew")
    return True


def _try_store(url: str) -> None:
    """The address holds a password: it goes through a pipe, where no list of processes shows it."""
    try:
        said = subprocess.run(  # noqa: S603 - nothing in it comes from outside
            TRY_STORE, input=url, stdout=subprocess.PIPE, text=True, timeout=TRY_STORE_SECONDS, check=False
        ).stdout
    except subprocess.TimeoutExpired as error:
        raise StoreRefused(f"the store could not be opened within {TRY_STORE_SECONDS:g} s") from error
    if said != OPENED:
        raise StoreRefused(said or "the store could not be opened; what is written above tells why")
