"""The marshmallow schema, generated from the dataclasses: nothing is said of a setting a second time."""

import copy
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, post_load, pre_load, validates_schema
from marshmallow import fields as ma
from marshmallow.validate import Length

from qbdispatch.config.faults import FaultList, Path
from qbdispatch.config.options import Option, options_of

MESSAGES = {
    "required": "is missing; it has no default",
    "invalid": "must be a list; write [first, second]",
    "type": 'must be a list of sections; begin each entry with "- "',
}
FILLED = Length(min=1, error="is an empty list; write at least one entry")


class SectionSchema(Schema):
    """What all sections share: null means unset, unknown keys and twins are faults, a dataclass comes out."""

    error_messages = {"type": "must be a section: lines of `name: value`"}  # noqa: RUF012 - marshmallow's way
    section: Any

    class Meta:
        unknown = EXCLUDE  # refuse_unknown says more

    @pre_load
    def leave_out_unset(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, dict):
            return data
        none_by_default = {option.key for option in options_of(self.section) if option.default is None}
        return {k: v for k, v in data.items() if v is not None and not (v == "" and k in none_by_default)}

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def refuse_unknown(self, _: Any, original: Any, **__: Any) -> None:
        known = list(_keys(self.section))
        given = original if isinstance(original, dict) else {}
        _raise_if_any({key: [_hint(key, known)] for key in given if key not in known})

    @validates_schema(pass_collection=True, skip_on_field_errors=False)
    def refuse_twins(self, data: Any, *, many: bool, **_: Any) -> None:
        errors: dict[int, dict[str, list[str]]] = {}
        for option in (option for option in options_of(self.section) if option.unique and many):
            first: dict[str, int] = {}
            for index, entry in enumerate(data):
                value = entry.get(option.attribute)
                if value is not None and first.setdefault(value, index) != index:
                    message = f"is the same as in entry [{first[value]}]; each entry needs its own"
                    errors.setdefault(index, {})[option.key] = [message]
        _raise_if_any(errors)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Any:
        return self.section(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items()})


class Part(ma.Nested):
    """A setting that is a section, or with `many` a list of them."""

    def __init__(self, section: Any, *, many: bool = False, filled: bool = False) -> None:
        super().__init__(lambda: schema_for(section), many=many, validate=FILLED if filled else None)
        self.section = section


@cache
def schema_for(section: Any) -> Schema:
    members: dict[str, Any] = {option.attribute: _field(option) for option in options_of(section)}
    generated = type(f"{section.__name__}Schema", (SectionSchema,), {**members, "section": section})
    assert issubclass(generated, Schema)
    return generated()


def load(section: Any, tree: Any, faults: FaultList) -> Any:
    """The dataclass `section` of what is in `tree`; None if there are faults."""
    try:
        return schema_for(section).load(tree)
    except ValidationError as error:
        for path, message in _flat(error.messages, ()):
            faults.add(path, message)
        return None


def _field(option: Option) -> ma.Field[Any]:
    field = copy.copy(option.field)
    field.required, field.data_key = option.required, option.key
    field.error_messages = {**field.error_messages, **MESSAGES}
    if isinstance(field, ma.Boolean):
        field.error_messages["invalid"] = "must be true or false"
    return field


def _keys(section: Any) -> Iterator[str]:
    for option in options_of(section):
        yield option.key
        if option.secret:
            yield f"{option.key}_file"  # taken out before the schema sees the tree; here for the hint


def _hint(key: Any, known: list[str]) -> str:
    if not isinstance(key, str):
        return "has a name that reads as a number or a yes/no; settings have names in letters"
    near = get_close_matches(key, known, n=1)
    return (
        f"is not a setting; did you mean {near[0]}?" if near else f"is not a setting; write one of {', '.join(known)}"
    )


def _raise_if_any(errors: Any) -> None:
    if errors:
        raise ValidationError(errors)


def _flat(messages: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(messages, dict):
        for key, inner in messages.items():
            yield from _flat(inner, path if key == "_schema" else (*path, key))
    else:
        yield path, messages[0]
