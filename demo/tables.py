"""What the dispatcher answers, as plain text for a terminal.

Owns: tables and nothing else; it takes the API's documents as they are and shows what is missing as a dash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns as wide as their widest cell; numbers to the right."""
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(head, *texts, strict=True)]
    lines = [_line(head, widths, [""] * len(head)), "  ".join("-" * width for width in widths)]
    lines += [_line(text, widths, row) for text, row in zip(texts, rows, strict=True)]
    return "\n".join(f"  {line}".rstrip() for line in lines)


def decision_table(answer: Mapping[str, Any]) -> str:
    """Every node of one decision: its score with the values it is made of, or why it was left out."""
    rows = [_verdict(verdict, answer.get("selected_node")) for verdict in answer["attempted_nodes"]]
    return table(["", "node", "score", "free GB", "left to promise", "why"], rows)


def nodes_table(nodes: Sequence[Mapping[str, Any]]) -> str:
    """GET /nodes: what each node says of itself just now."""
    head = ["node", "version", "reachable", "ms", "free GB", "left to promise", "downloads", "score", "remarks"]
    return table(
        head,
        [
            [
                node["name"],
                node.get("version"),
                node["reachable"],
                node.get("latency_ms"),
                node.get("free_gb"),
                node.get("effective_free_gb"),
                node.get("active_downloads"),
                _score(node.get("score")),
                node.get("error") or _reasons(node),
            ]
            for node in nodes
        ],
    )


def _verdict(verdict: Mapping[str, Any], selected: str | None) -> list[Any]:
    parts = [
        f"{part['weigher']} {part['value']:.2f} x {part['weight']:g}" for part in verdict.get("contributions") or []
    ]
    return [
        "->" if verdict["name"] == selected else "",
        verdict["name"],
        _score(verdict.get("score")),
        verdict.get("free_gb"),
        verdict.get("effective_free_gb"),
        _reasons(verdict) if verdict["excluded"] else ", ".join(parts),
    ]


def _reasons(verdict: Mapping[str, Any]) -> str:
    reasons = verdict.get("reasons") or []
    return "; ".join(f"{part['code']}: {part['detail']}" if part["detail"] else part["code"] for part in reasons)


def _score(score: float | None) -> str | None:
    return None if score is None else f"{score:.3f}"


def _line(texts: Sequence[str], widths: Sequence[int], cells: Sequence[Any]) -> str:
    pairs = zip(texts, widths, cells, strict=True)
    return "  ".join(
        text.rjust(width) if isinstance(cell, int | float) else text.ljust(width) for text, width, cell in pairs
    )


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return "-" if cell is None else str(cell)
