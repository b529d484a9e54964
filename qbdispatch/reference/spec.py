"""The OpenAPI description of the JSON routes, made from the routes, their docstrings and `operations`.

`/api/v2` is not described here: it is qBittorrent's own API, see docs/api-differences.md.
"""

import inspect
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from marshmallow import Schema
from werkzeug.routing import Rule

from qbdispatch import __version__
from qbdispatch.reference.operations import LOCKED, OPERATIONS, Answer, Operation

_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_KEY = "adminKey"
_ABOUT = """\
Places torrents on the best of many qBittorrent nodes, and explains every choice. GB are GiB (2^30 bytes) with one
decimal, Mbit/s are 10^6 bits, times are RFC 3339 in UTC; null is "not known".

Clients of qBittorrent use /api/v2, which is qBittorrent's own API and not described here."""


def build_spec(app: Flask, prefix: str) -> dict[str, Any]:
    """The OpenAPI 3.0 document. `prefix` is the path of a proxy below which the application is."""
    spec = APISpec(
        title="qbdispatch",
        version=__version__,
        openapi_version="3.0.3",
        info={"description": _ABOUT},
        servers=[{"url": prefix or "/"}],
        plugins=[MarshmallowPlugin(schema_name_resolver=_schema_name)],
    )
    spec.components.security_scheme(_KEY, {"type": "apiKey", "in": "header", "name": "X-API-Key"})
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if rule.endpoint in OPERATIONS:
            spec.path(
                path=_PARAMETER.sub(lambda found: f"{{{_name(found[1])}}}", rule.rule),
                operations=dict(_methods(app, rule)),
            )
    return dict(spec.to_dict())


def _schema_name(schema: Any) -> str:
    found = schema if isinstance(schema, type) else type(schema)
    return str(found.__name__).removesuffix("Shape").removesuffix("Schema")


def _name(argument: str) -> str:
    """Of a part of the path: without what keeps it from hiding a word of Python."""
    return argument.removesuffix("_")


def _methods(app: Flask, rule: Rule) -> Iterator[tuple[str, dict[str, Any]]]:
    operation = OPERATIONS[rule.endpoint]
    summary, _, more = inspect.cleandoc(app.view_functions[rule.endpoint].__doc__ or "").partition("\n\n")
    for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
        described: dict[str, Any] = {
            "operationId": rule.endpoint.partition(".")[2],
            "summary": " ".join(summary.split()),
            "tags": [rule.endpoint.partition(".")[0]],
            "security": [] if operation.open else [{_KEY: []}, {}],
            "parameters": [*_in_path(rule), *_in_query(operation)],
            "responses": dict(_responses(operation)),
        }
        if more:
            described["description"] = " ".join(more.split())
        if operation.bodies:
            bodies = {kind: {"schema": shape} for kind, shape in operation.bodies.items()}
            described["requestBody"] = {"required": True, "content": bodies}
        yield method.lower(), described


def _in_path(rule: Rule) -> Iterator[dict[str, Any]]:
    for name in _PARAMETER.findall(rule.rule):
        yield {"in": "path", "name": _name(name), "required": True, "schema": {"type": "string"}}


def _in_query(operation: Operation) -> Iterator[dict[str, Any]]:
    for name, meaning in operation.query.items():
        yield {"in": "query", "name": name, "description": meaning, "schema": {"type": "string"}}


def _responses(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    answers = {**operation.answers, **({} if operation.open else LOCKED)}
    for status, answer in sorted(answers.items()):
        described: dict[str, Any] = {"description": f"{HTTPStatus(status).phrase}. {answer.meaning}"}
        yield str(status), described | {"content": _content(answer)}


def _content(answer: Answer) -> dict[str, Any]:
    if not answer.shapes:
        return {"text/plain": {"schema": {"type": "string"}}}
    first = _shape(answer.shapes)
    return {"application/json": {"schema": {"type": "array", "items": first} if answer.many else first}}


def _shape(shapes: tuple[type[Schema], ...]) -> Any:
    return shapes[0] if len(shapes) == 1 else {"oneOf": list(shapes)}
