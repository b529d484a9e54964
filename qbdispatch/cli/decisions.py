"""`qbdispatch decisions`: what was decided lately, and one decision in full."""

from collections.abc import Sequence
from typing import Any

import click

from qbdispatch.cli.output import show_pairs, show_table
from qbdispatch.cli.session import Session, json_option, pass_session
from qbdispatch.errors import QbdispatchError
from qbdispatch.store import decisions as kept

MOST = 500


class NoSuchDecision(QbdispatchError):
    """There is none with this id."""


@click.command()
@click.argument("decision_id", required=False)
@click.option("--limit", type=click.IntRange(1, MOST), default=20, show_default=True, help="How many to list.")
@json_option
@pass_session
def decisions(session: Session, decision_id: str | None, limit: int) -> None:
    """List the newest decisions, or show one in full with every node's reasons and values."""
    with session.services.store.read() as connection:
        if decision_id is None:
            found = kept.newest(connection, limit)
            session.show(found, lambda: _show_list(found))
            return
        document = kept.get(connection, decision_id)
    if document is None:
        raise NoSuchDecision(f"there is no decision {decision_id}; `qbdispatch decisions` lists the newest")
    session.show(document, lambda: _show_one(document))


def _show_list(found: Sequence[dict[str, Any]]) -> None:
    keys = ["decision_id", "decided_at", "status", "selected_node", "size_gb", "category", "name"]
    head = ["decision", "decided at", "status", "node", "GB", "category", "name"]
    show_table(head, [[one.get(key) for key in keys] for one in found])


def _show_one(document: dict[str, Any]) -> None:
    nested = ("attempts", "attempted_nodes")
    show_pairs({name: value for name, value in document.items() if name not in nested})
    for attempt in document.get("attempts") or []:
        click.echo(f"attempt: {attempt['node']}: {attempt['outcome']} {attempt['detail']}".rstrip())
    click.echo()
    show_verdicts(document.get("attempted_nodes") or [], document.get("selected_node"))


def show_verdicts(verdicts: Sequence[dict[str, Any]], selected: str | None) -> None:
    """Every node: its score with the values that it is made of, or why it was left out."""
    rows = [
        [
            "->" if one["name"] == selected else " ",
            one["name"],
            one["score"],
            one["free_gb"],
            one["effective_free_gb"],
            one["active_downloads"],
            _why(one),
        ]
        for one in verdicts
    ]
    show_table(["", "node", "score", "free GB", "usable GB", "loading", "why"], rows)


def _why(verdict: dict[str, Any]) -> str:
    if verdict["excluded"]:
        return "; ".join(f"{one['code']}: {one['detail']}".rstrip(": ") for one in verdict["reasons"])
    parts = verdict["contributions"]
    return ", ".join(f"{one['weigher']} {one['value']:.2f} x {one['weight']:g}" for one in parts)
