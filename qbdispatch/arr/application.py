"""`app/*`: one constant version, whatever the nodes are; clients choose their dialect by it."""

from flask import Response

from qbdispatch.arr.reply import text

VERSION = "v5.1.4"
WEB_API_VERSION = "2.11.4"


def version() -> Response:
    """The application's version."""
    return text(VERSION)


def web_api_version() -> Response:
    """The Web API's version, a bare dotted number."""
    return text(WEB_API_VERSION)
