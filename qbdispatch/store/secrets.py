"""Secrets that the service makes for itself and that all workers must share, such as the key that signs cookies."""

import secrets as randomness

from sqlalchemy import insert, select

from qbdispatch.store.engine import Store
from qbdispatch.store.tables import secrets


def shared_secret(store: Store, name: str) -> str:
    """The secret of that name: 64 hex characters, made on first use, the same for every worker ever after."""
    query = select(secrets.c.value).where(secrets.c.name == name)
    with store.read() as connection:
        value = connection.execute(query).scalar()
    if value is not None:
        return str(value)
    with store.write() as connection:
        value = connection.execute(query).scalar()
        if value is None:
            value = randomness.token_hex(32)
            connection.execute(insert(secrets).values(name=name, value=value))
    return str(value)
