"""Commands about nodes, what is on them and what waits for them: `nodes`, `torrents`, `held`, `drain`, `resume`."""

import sys
from typing import Any

import click

from qbdispatch.cli.output import show_table
from qbdispatch.cli.session import Session, complete_node, json_option, pass_session
from qbdispatch.dispatch.documents import gigabytes
from qbdispatch.dispatch.holding import held_documents
from qbdispatch.dispatch.library import Entry
from qbdispatch.dispatch.listing import Query, filters, select
from qbdispatch.dispatch.survey import survey_nodes
from qbdispatch.store import health

_NAME = click.argument("node", shell_complete=complete_node)


@click.command()
@json_option
@pass_session
def nodes(session: Session) -> None:
    """Ask every node now, and show how it would fare in a decision.

    Figures of disks and torrents are those of the service's last look. Exits with 1 if a node cannot be reached.
    """
    found = survey_nodes(session.settings, session.services.store, session.services.fleet)
    session.show(found, lambda: _show_nodes(found))
    sys.exit(0 if all(node["reachable"] for node in found) else 1)


def _show_nodes(found: list[dict[str, Any]]) -> None:
    head = ["node", "reachable", "version", "ms", "free GB", "usable GB", "loading", "Mbit/s", "score", "remarks"]
    keys = ["name", "reachable", "version", "latency_ms", "free_gb", "effective_free_gb", "active_downloads"]
    keys += ["download_mbps", "score"]
    show_table(head, [[*(node[key] for key in keys), _remarks(node)] for node in found])


def _remarks(node: dict[str, Any]) -> str:
    if node["error"]:
        return str(node["error"])
    reasons = [f"{one['code']}: {one['detail']}" if one["detail"] else one["code"] for one in node["reasons"]]
    return "; ".join(reasons + node["warnings"])


@click.command()
@click.argument("query", default="")
@click.option("--node", help="Only this node's.", shell_complete=complete_node)
@click.option("--state", type=click.Choice(filters()), help="Only those that this filter of qBittorrent lets through.")
@json_option
@pass_session
def torrents(session: Session, query: str, node: str | None, state: str | None) -> None:
    """List torrents of all nodes, as the service last saw them.

    QUERY is part of a name, or of a hash, in upper or lower case.
    """
    if node is not None:
        session.node(node)
    entries = select(list(session.services.library.shelf().by_hash.values()), Query(filter=state or "", sort="name"))
    wanted = [entry for entry in entries if _matches(entry, query.lower()) and node in (None, entry.node)]
    session.show([{**entry.row, "node": entry.node} for entry in wanted], lambda: _show_torrents(wanted))


def _matches(entry: Entry, query: str) -> bool:
    return query in str(entry.row["name"]).lower() or any(query in one for one in {entry.hash, *entry.aliases})


def _show_torrents(entries: list[Entry]) -> None:
    rows = [
        [
            entry.node,
            entry.row["state"],
            f"{entry.row['progress']:.0%}",
            gigabytes(entry.row["size"]),
            entry.category,
            entry.hash,
            entry.row["name"],
        ]
        for entry in entries
    ]
    show_table(["node", "state", "done", "GB", "category", "hash", "name"], rows)


@click.command()
@json_option
@pass_session
def held(session: Session) -> None:
    """List torrents that wait for a node with room, oldest first, and why."""
    with session.services.store.read() as connection:
        found = held_documents(connection, session.services.store.now())
    keys = ["position", "since", "size_gb", "category", "hash", "name", "why"]
    head = ["#", "since", "GB", "category", "hash", "name", "why"]
    session.show(found, lambda: show_table(head, [[one[key] for key in keys] for one in found]))


@click.command()
@_NAME
@json_option
@pass_session
def drain(session: Session, node: str) -> None:
    """Place no new torrents on NODE, until it is resumed."""
    _set_draining(session, node, True)


@click.command()
@_NAME
@json_option
@pass_session
def resume(session: Session, node: str) -> None:
    """Place torrents on NODE again; also ends the pause after a refused login."""
    _set_draining(session, node, False)
    session.services.fleet.members[node].forgive()


def _set_draining(session: Session, name: str, draining: bool) -> None:
    session.node(name)
    with session.services.store.write() as connection:
        health.set_draining(connection, name, draining)
    state = "gets no new torrents" if draining else "gets torrents again"
    session.show({"name": name, "draining": draining}, lambda: click.echo(f"{name} {state}"))
