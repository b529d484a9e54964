"""The entry for gunicorn and other WSGI servers: `wsgi:app`. Only this and gunicorn.conf.py read the environment."""

import os
import signal
import sys
import time
from types import FrameType

from qbdispatch import logs
from qbdispatch.boot import Worker
from qbdispatch.config.accepted import accepted
from qbdispatch.config.loader import ConfigError, load_settings
from qbdispatch.store.engine import StoreUnavailable

BOOT_FAILED = 3  # gunicorn takes this code as "do not start this worker again", and ends
START_AGAIN = 1
START_AGAIN_SECONDS = 2.0


def step_down_at_sigterm(worker: Worker) -> None:
    """A worker that is to end may still have requests to finish: let another one lead meanwhile."""
    finish = signal.getsignal(signal.SIGTERM)
    if not callable(finish):
        return  # nobody waits for requests here: the process ends at once

    def step_down(number: int, frame: FrameType | None) -> None:
        worker.retire()
        finish(number, frame)

    signal.signal(signal.SIGTERM, step_down)
    signal.siginterrupt(signal.SIGTERM, False)  # as gunicorn wants it: no running request is to notice


inherited = accepted()
try:
    logs.configure(os.environ.get("QBDISPATCH_LOG_FORMAT") or "text")
    app = Worker(inherited or load_settings())
except (ConfigError, StoreUnavailable, logs.UnknownLogFormat) as error:
    if inherited is None:
        sys.stderr.write(f"qbdispatch cannot start:\n{error}\n")
        sys.exit(BOOT_FAILED)
    sys.stderr.write(f"this worker cannot start yet: {error}\n")  # the service did start: the store must be away
    time.sleep(START_AGAIN_SECONDS)
    sys.exit(START_AGAIN)
step_down_at_sigterm(app)
