"""A decision as people read it: in a sentence, and each node with its reasons or with its values in a bar; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from qbdispatch.ui import charts, words
from qbdispatch.ui.charts import Part

Document = Mapping[str, Any]
NAMED = 3
"""How many nodes a sentence names; of more it tells the number."""


@dataclass(frozen=True, slots=True)
class Value:
    """One weigher's word on a node: `share` is what it adds to the score."""

    style: str
    name: str
    value: float
    weight: float
    share: float


@dataclass(frozen=True, slots=True)
class Row:
    """One node in a decision. `reasons` are code, words and detail of what took it out, `passed` the other filters in
    words, with their figures. `bar` is drawn against the best score of all."""

    name: str
    chosen: bool
    score: float | None
    reasons: Sequence[tuple[str, str, str]]
    values: Sequence[Value]
    passed: Sequence[str]
    bar: Markup | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision for a page; `outcome` is its status in words with the node, `why` the sentence."""

    document: Document
    outcome: str
    why: str
    rows: Sequence[Row]

    @property
    def decided_at(self) -> float:
        return words.seconds_of(self.document["decided_at"])

    @property
    def level(self) -> str:
        return {"rejected": "danger", "failed": "danger", "held": "warning"}.get(self.document["status"], "ok")


def explain(document: Document) -> Explanation:
    """The decision in words and bars; a document as `dispatch.documents` makes it, or as much as a preview tells."""
    nodes: Sequence[Document] = document["attempted_nodes"]
    best = max((node["score"] or 0.0 for node in nodes), default=0.0)
    rows = [_row(node, node["name"] == document["selected_node"], best) for node in nodes]
    return Explanation(document, _outcome(document), _why(document, rows), rows)


def _outcome(document: Document) -> str:
    status, node = words.status(document["status"]), document["selected_node"]
    return f"{status} on {node}" if node else status


def _why(document: Document, rows: Sequence[Row]) -> str:
    chosen = next((row for row in rows if row.chosen), None)
    if chosen is None or chosen.score is None:
        return words.sentence(_in_words(str(document["reason"]), rows))
    others = [row for row in rows if row.score is not None and not row.reasons and not row.chosen]
    failed = [attempt["node"] for attempt in document.get("attempts", ()) if attempt["node"] != chosen.name]
    before = f"{_few(failed)} did not take it; " if failed else ""
    if not others:
        return f"{before}{chosen.name} was the only node that may take it."
    return f"{before}{_compared(chosen, others[0])}."


def _compared(chosen: Row, rival: Row) -> str:
    best, next_best = f"{chosen.score:.2f}", f"{rival.score:.2f}"
    if chosen.score == rival.score:
        return f"{chosen.name} scored {best} as {rival.name} did, and comes first by name"
    if best == next_best:
        best, next_best = f"{chosen.score:.4f}", f"{rival.score:.4f}"
    return f"{chosen.name} scored {best}, ahead of {rival.name} with {next_best}{_difference(chosen, rival)}"


def _in_words(reason: str, rows: Sequence[Row]) -> str:
    """The sentence of `documents.explain` lists each node's codes; here each node's first reason, with all nodes that
    it holds for."""
    listed = ", ".join(f"{row.name}: {'+'.join(code for code, _, _ in row.reasons)}" for row in rows)
    nodes: dict[str, list[str]] = {}
    for row in rows:
        for _, name, _ in row.reasons[:1]:
            nodes.setdefault(name.lower(), []).append(row.name)
    told = "; ".join(f"{name}: {_few(those)}" for name, those in nodes.items())
    return reason.replace(f"({listed})", f"\N{EN DASH} {told}") if listed else reason


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= NAMED else f"{len(names)} nodes"


def _difference(chosen: Row, rival: Row) -> str:
    """What spoke most for the chosen node over the next one."""
    theirs = {value.name: value.share for value in rival.values}
    gains = [(value.share - theirs.get(value.name, 0.0), value.name.lower()) for value in chosen.values]
    gain, name = max(gains, default=(0.0, ""))
    return f", most of all for {name}" if gain > 0.005 else ""


def _row(node: Document, chosen: bool, best: float) -> Row:
    values = _values(node)
    told = ", ".join(f"{value.name.lower()} {value.share:.2f}" for value in values)
    bar = None
    if node["score"] is not None and not node["excluded"]:
        title = f"{node['name']}: score {node['score']:.2f} of {told}"
        bar = charts.bar(title, [Part(value.style, value.name, value.share) for value in values], best, "score")
    reasons = [(part["code"], words.reason(part["code"]), part["detail"]) for part in node["reasons"]]
    return Row(node["name"], chosen, node["score"], reasons, values, _passed(node), bar)


def _values(node: Document) -> list[Value]:
    """Each weigher's share; they add up to the score, the node's own weight included."""
    parts = node["contributions"]
    total = sum(part["value"] * part["weight"] for part in parts)
    score = node["score"] or 0.0
    return [
        Value(
            f"w-{part['weigher']}",
            words.weigher(part["weigher"]),
            part["value"],
            part["weight"],
            score * part["value"] * part["weight"] / total if total else 0.0,
        )
        for part in parts
    ]


def _passed(node: Document) -> list[str]:
    """The filters that let the node through; those that rest on figures, with these."""
    codes = {part["code"] for part in node["reasons"]}
    figures = {"downloads": _downloads(node), "room": _room(node)}
    asked = [name for name in words.FILTERS if name != "score" or node["score"] is not None]
    return [figures.get(name, name) for name in asked if not codes & words.FILTERS[name]]


def _downloads(node: Document) -> str:
    most = f" of at most {node['max_downloads']}" if "max_downloads" in node else ""  # older ones do not have it
    return f"{node['active_downloads']}{most} downloading"


def _room(node: Document) -> str:
    room, floor = node["effective_free_gb"], node.get("min_free_gb")
    kept = f", {words.size(floor * words.GIB)} of it to stay free" if floor else ""
    return "free space not known" if room is None else f"{words.size(room * words.GIB)} effectively free{kept}"
