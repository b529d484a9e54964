"""The entry for gunicorn and other WSGI servers: `wsgi:app`. The only place that reads the environment."""

import logging
import sys

from qbdispatch.boot import start
from qbdispatch.config.loader import ConfigError, load_settings
from qbdispatch.store.engine import StoreUnavailable

BOOT_FAILED = 3  # gunicorn takes this code as "do not start this worker again"

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
logging.getLogger("alembic").setLevel(logging.WARNING)
try:
    app = start(load_settings())
except (ConfigError, StoreUnavailable) as error:
    sys.stderr.write(f"qbdispatch cannot start:\n{error}\n")
    sys.exit(BOOT_FAILED)
