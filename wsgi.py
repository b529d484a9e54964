"""The entry for gunicorn and other WSGI servers: `wsgi:app`. Only this and gunicorn.conf.py read the environment."""

import logging
import sys
import time

from qbdispatch.app import create_app
from qbdispatch.config.accepted import accepted
from qbdispatch.config.loader import ConfigError, load_settings
from qbdispatch.ending import Ending
from qbdispatch.services import start_leader
from qbdispatch.store.engine import StoreUnavailable

BOOT_FAILED = 3  # gunicorn takes this code as "do not start this worker again", and ends
START_AGAIN = 1
START_AGAIN_SECONDS = 2.0

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
logging.getLogger("alembic").setLevel(logging.WARNING)
ending = Ending()
inherited = accepted()
try:
    app = create_app(inherited or load_settings())
    start_leader(app, retired=ending.told)
except (ConfigError, StoreUnavailable) as error:
    if inherited is None:
        sys.stderr.write(f"qbdispatch cannot start:\n{error}\n")
        sys.exit(BOOT_FAILED)
    sys.stderr.write(f"this worker cannot start yet: {error}\n")  # the service did start: the store must be away
    time.sleep(START_AGAIN_SECONDS)
    sys.exit(START_AGAIN)
