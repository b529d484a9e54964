"""The folder through which gunicorn's workers share what they measure (`meters`): one per master, gone with it.

Own to the master: it is made before prometheus_client is imported anywhere, as that looks for it on import.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "qbdispatch-metrics-"
_LOCK = "lock"


def open_spool() -> None:
    """Make this master's folder and name it in the environment, once; drop those of masters that were killed."""
    prefix = f"{_PREFIX}{os.getpid()}-"
    if Path(os.environ.get(VARIABLE, "")).name.startswith(prefix):
        return  # gunicorn reads its configuration anew on SIGHUP
    _drop_abandoned(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    _lock(folder)
    os.environ[VARIABLE] = str(folder)
    atexit.register(_close, folder, os.getpid())


def _close(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # workers inherit the call
        shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path) -> None:
    """Hold the folder for as long as this process or a child of it lives: the file stays open on purpose."""
    held = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _drop_abandoned(parent: Path) -> None:
    for lock in parent.glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError), lock.open() as file:  # held by a living master, or another user's
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent)
