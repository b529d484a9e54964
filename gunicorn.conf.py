"""How gunicorn serves qbdispatch: `gunicorn -c gunicorn.conf.py wsgi:app`, for gunicorn 23 and later."""

import importlib
import os
import sys
from typing import Any

from qbdispatch import logs, serving
from qbdispatch.spool import open_spool

bind = os.environ.get("QBDISPATCH_BIND", "0.0.0.0:8000")
workers = int(os.environ.get("WEB_CONCURRENCY", "4"))
threads = int(os.environ.get("QBDISPATCH_THREADS", "8"))
worker_class = "qbdispatch.listening.Worker"  # gthread, see there

# Each worker makes its own database connections, HTTP sessions and threads; made before the fork, they would be
# shared by processes that know nothing of each other.
preload_app = False

# With gthread this is for a worker that is stuck as a whole; it does not cut a long request short.
timeout = 60
# An add may wait 10 s for a node and then go on to two more; let it end, so that its caller learns what came of it.
graceful_timeout = 45
# Longer than the 60 s for which nginx keeps an idle connection: the end that may send must be the one that closes.
keepalive = 75

# Magnets travel in bodies; long queries are lists of hashes. 8190 is the most gunicorn offers short of no limit.
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190

# Queries may hold keys, so requests are not logged; qbdispatch logs each submission itself.
accesslog = None
errorlog = "-"
try:
    logconfig_dict = logs.dict_config(os.environ.get("QBDISPATCH_LOG_FORMAT") or "text")
except logs.UnknownLogFormat as error:
    sys.exit(f"qbdispatch cannot start:\n{error}")

# Where the workers put what they measure, for /metrics to add up.
open_spool()

# Heartbeat files belong in memory: on a slow disk they stall the workers.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108

# From 25.1 on gunicorn opens a socket for remote control in the home directory; older versions ignore this.
control_socket_disable = True


def on_starting(_server: Any) -> None:
    """The configuration is read here, before any worker exists, and by no worker later.

    The code that workers run is loaded here as well. At a reload the old workers end as soon as the new ones exist:
    were each to load it anew, nobody would take requests for seconds. Loading opens nothing.
    """
    serving.begin()
    importlib.import_module("qbdispatch.boot")


def when_ready(server: Any) -> None:
    """gunicorn has no hook that could refuse a reload. Without this a faulty configuration, or a store that is away
    at that moment, would cost the workers that serve."""
    reload = server.handle_hup

    def reload_if_usable() -> None:
        if serving.accept_changes(server.log.info, server.log.error):
            reload()

    server.handle_hup = reload_if_usable
