"""One declaration for each setting: `option(...)` on a dataclass field says all there is to know of it."""

from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

from marshmallow import fields as ma

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Option:
    """What the schema, the documentation and the reader of secret files need to know of a setting."""

    attribute: str
    default: Any
    key: str
    field: ma.Field[Any]
    help: str
    secret: bool
    unique: bool

    @property
    def required(self) -> bool:
        return self.default is MISSING


def option(
    field_: ma.Field[Any],
    help_: str,
    *,
    default: Any = MISSING,
    default_factory: Callable[[], Any] | Any = MISSING,
    key: str | None = None,
    secret: bool = False,
    unique: bool = False,
) -> Any:
    """A dataclass field that is a setting: required unless it has a default, without a repr if secret."""
    metadata = {"key": key, "field": field_, "help": help_, "secret": secret, "unique": unique}
    if default_factory is not MISSING:
        return field(default_factory=default_factory, repr=not secret, metadata=metadata)
    return field(default=default, repr=not secret, metadata=metadata)


@dataclass_transform(frozen_default=True, field_specifiers=(option,))
def section(cls: type[T]) -> type[T]:
    """Class decorator: a frozen, slotted dataclass whose fields are all made by `option`."""
    return dataclass(frozen=True, slots=True)(cls)


def options_of(cls: Any) -> Iterator[Option]:
    for declared in fields(cls):
        made = declared.default_factory
        default = declared.default if made is MISSING else made()
        yield Option(declared.name, default, **{**declared.metadata, "key": _key(declared)})


def _key(declared: Any) -> str:
    return str(declared.metadata["key"] or declared.name)
