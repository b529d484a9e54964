"""The composition root: everything a request needs, built once per process and never changed."""

import atexit
from dataclasses import dataclass

from flask import Flask, current_app

from qbdispatch.config.settings import Settings
from qbdispatch.dispatch.access import Fleet, NodeAccess
from qbdispatch.dispatch.actions import Actions
from qbdispatch.dispatch.chores import placing, purging
from qbdispatch.dispatch.dispatcher import Dispatcher
from qbdispatch.dispatch.history import keeping_history
from qbdispatch.dispatch.leader import Leader
from qbdispatch.dispatch.library import Library
from qbdispatch.store import health
from qbdispatch.store.engine import Store
from qbdispatch.store.secrets import shared_secret

EXTENSION = "qbdispatch"


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes work with. `cookie_key` signs login cookies, the same for all workers."""

    settings: Settings
    store: Store
    fleet: Fleet
    dispatcher: Dispatcher
    library: Library
    actions: Actions
    cookie_key: str


def build_services(settings: Settings) -> Services:
    """Open the store and make the clients; starts no thread. Raises `StoreUnavailable`."""
    store = Store(settings.database_url)
    with store.write() as connection:
        health.register(connection, [node.name for node in settings.nodes])
    fleet = Fleet({node.name: NodeAccess(node, store) for node in settings.nodes})
    library = Library(store, fleet)
    return Services(
        settings=settings,
        store=store,
        fleet=fleet,
        dispatcher=Dispatcher(settings, store, fleet),
        library=library,
        actions=Actions(store, fleet, library),
        cookie_key=shared_secret(store, "cookies"),
    )


def start_leader(app: Flask) -> Leader:
    """Let this process take part in polling the nodes; call it once per process, after any fork. The mirror is read
    first, so that no client has to wait for that."""
    services: Services = app.extensions[EXTENSION]
    services.library.shelf()
    chores = [
        purging(services.store),
        placing(services.dispatcher),
        *keeping_history(services.store, services.settings),
    ]
    leader = Leader(services.store, services.fleet, services.settings.sync, chores)
    leader.start()
    atexit.register(leader.stop)
    return leader


def services() -> Services:
    """The services of the app that handles the current request."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Services)
    return found
