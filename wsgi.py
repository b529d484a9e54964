"""The entry for gunicorn and other WSGI servers: `wsgi:app`. The only place that reads the environment."""

import os
import sys

from qbdispatch import logs
from qbdispatch.app import create_app
from qbdispatch.config.loader import ConfigError, load_settings
from qbdispatch.services import start_leader
from qbdispatch.store.engine import StoreUnavailable

BOOT_FAILED = 3  # gunicorn takes this code as "do not start this worker again"

try:
    logs.configure(os.environ.get("QBDISPATCH_LOG_FORMAT") or "text")
    app = create_app(load_settings())
except (ConfigError, StoreUnavailable, logs.UnknownLogFormat) as error:
    sys.stderr.write(f"qbdispatch cannot start:\n{error}\n")
    sys.exit(BOOT_FAILED)
start_leader(app)
