"""`python -m qbdispatch.store.trial`: opens the store whose address stands on stdin, brings it to the newest schema,
and closes it again. Says "opened", or why that is not possible, on stdout."""

import logging
import sys

from qbdispatch.store.engine import Store, StoreUnavailable

OPENED = "opened"


def try_store(url: str) -> str:
    """`OPENED`, or what is in the way."""
    try:
        Store(url).close()
    except StoreUnavailable as error:
        return str(error)
    return OPENED


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    sys.stdout.write(try_store(sys.stdin.read()))
