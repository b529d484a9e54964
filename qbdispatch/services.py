"""The composition root: everything a request needs, built once per process and never changed."""

import atexit
import threading
import time
from dataclasses import dataclass

from flask import Flask, current_app

from qbdispatch.config.settings import Settings
from qbdispatch.dispatch import overview
from qbdispatch.dispatch.access import Fleet, NodeAccess
from qbdispatch.dispatch.actions import Actions
from qbdispatch.dispatch.alerting import alerting
from qbdispatch.dispatch.chores import advising, placing, purging, reconciling, retaining
from qbdispatch.dispatch.dispatcher import Dispatcher
from qbdispatch.dispatch.history import keeping_history
from qbdispatch.dispatch.leader import Leader
from qbdispatch.dispatch.library import Library
from qbdispatch.dispatch.reconcile import reconcile_configuration
from qbdispatch.dispatch.sending import sending
from qbdispatch.passwords import PasswordCheck
from qbdispatch.store import health
from qbdispatch.store.engine import Store, StoreUnavailable
from qbdispatch.store.secrets import shared_secret

EXTENSION = "qbdispatch"
REMEMBER_SECONDS = 5.0


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
    passwords: PasswordCheck


def build_services(settings: Settings, *, serves: bool = True) -> Services:
    """Open the store and make the clients; starts no thread. Raises `StoreUnavailable`.

    `serves` is for workers: the command line may look at a configuration that nobody serves yet."""
    store = Store(settings.database_url)
    try:
        return _over(store, settings, serves)
    except BaseException:
        store.close()
        raise


def _over(store: Store, settings: Settings, serves: bool) -> Services:
    follow = reconcile_configuration if serves else health.register
    with store.write() as connection:
        follow(connection, {node.name for node in settings.nodes}, store.now())
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
        passwords=PasswordCheck(),
    )


def start_leader(app: Flask) -> Leader:
    """Let this process take part in polling the nodes; call it once per process, after any fork. What lists are made
    of is read first, so that no client has to wait for that. Raises `StoreUnavailable`, and then starts nothing."""
    services: Services = app.extensions[EXTENSION]
    try:
        remember(services)
    except StoreUnavailable:
        services.store.close()
        raise
    threading.Thread(target=_keep_remembering, args=(services,), name="remember", daemon=True).start()
    store, settings = services.store, services.settings
    chores = [
        purging(store),
        placing(services.dispatcher),
        reconciling(store, settings.retention),
        retaining(store, settings.database_url, settings.retention),
        advising(settings),
        *keeping_history(store, settings),
        *alerting(store, settings),
        *sending(store, settings.notifications),
    ]
    leader = Leader(store, services.fleet, settings.sync, chores)
    leader.start()
    atexit.register(leader.stop)
    return leader


def remember(services: Services) -> None:
    """Read what is answered from memory while the store is away."""
    services.library.shelf()
    overview.server_state(services.settings, services.store)
    overview.preferences(services.settings, services.store)


def _keep_remembering(services: Services) -> None:
    """A worker that nobody has asked for long would else answer with what was long ago."""
    while True:
        time.sleep(REMEMBER_SECONDS)
        remember(services)  # the store logs an outage itself


def services() -> Services:
    """The services of the app that handles the current request."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Services)
    return found
