"""Answers as qBittorrent gives them."""

from flask import Response


def text(body: str, status: int = 200) -> Response:
    """Plain text: some clients accept an add only with this content type."""
    return Response(body, status, content_type="text/plain; charset=UTF-8")


def json_text(body: str, status: int = 200) -> Response:
    """JSON that is in text form already."""
    return Response(body, status, content_type="application/json")
