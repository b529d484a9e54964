"""The OpenAPI document as what the page shows: calls with their tables, and the objects that they speak of. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_REFERENCE = "#/components/schemas/"
_WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false"}
_FORMATS = {"date-time": "time", "binary": "file"}
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value is: words, and the objects it is made of."""

    words: str
    objects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A field or parameter."""

    name: str
    kind: Kind
    meaning: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One status."""

    status: str
    kind: Kind
    meaning: str


@dataclass(frozen=True, slots=True)
class Call:
    """One method of one path. `bodies` are the kinds of its body by media type."""

    method: str
    path: str
    id: str
    summary: str
    locked: bool
    parameters: tuple[Row, ...]
    bodies: tuple[tuple[str, Kind], ...]
    replies: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class Object:
    """A shape with its fields."""

    name: str
    rows: tuple[Row, ...]


def calls(document: Document) -> list[Call]:
    """Every call, by path."""
    return [
        _call(path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def objects(document: Document) -> list[Object]:
    """Every object, by name."""
    schemas = document["components"]["schemas"]
    return [Object(name, tuple(_fields(schemas[name]))) for name in sorted(schemas)]


def _call(path: str, method: str, operation: Document) -> Call:
    bodies = operation.get("requestBody", {"content": {}})["content"]
    return Call(
        method=method.upper(),
        path=path,
        id=operation["operationId"],
        summary=operation["summary"],
        locked=bool(operation["security"]),
        parameters=tuple(_parameter(one) for one in operation.get("parameters", ())),
        bodies=tuple((media, _kind(body["schema"])) for media, body in bodies.items()),
        replies=tuple(_reply(status, reply) for status, reply in operation["responses"].items()),
    )


def _parameter(one: Document) -> Row:
    return Row(one["name"], Kind(f"in the {one['in']}"), one.get("description", ""))


def _reply(status: str, reply: Document) -> Reply:
    (body,) = reply["content"].values()
    return Reply(status, _kind(body["schema"]), reply["description"])


def _fields(schema: Document) -> Iterator[Row]:
    for name, described in schema["properties"].items():
        yield Row(name, _kind(described), " ".join([described.get("description", ""), _choices(described)]).strip())


def _choices(described: Document) -> str:
    choices = [str(one) for one in described.get("enum", ()) if one is not None]
    return f"One of: {', '.join(choices)}." if choices else ""


def _kind(schema: Document) -> Kind:
    if "$ref" in schema:
        return Kind("", (schema["$ref"].removeprefix(_REFERENCE),))
    if "oneOf" in schema:
        return Kind("", tuple(one["$ref"].removeprefix(_REFERENCE) for one in schema["oneOf"]))
    if schema.get("type") == "array":
        inner = _kind(schema["items"])
        return Kind(f"list of {inner.words}".rstrip(), inner.objects)
    words = _FORMATS.get(schema.get("format", "")) or _WORDS.get(schema["type"], str(schema["type"]))
    return Kind(f"{words} or null" if schema.get("nullable") else words)
