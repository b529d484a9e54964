"""Whatever the file holds, there is a configuration or a ConfigError."""

import contextlib

import yaml
from hypothesis import given
from hypothesis import strategies as st

from qbdispatch.config import ConfigError, Settings
from qbdispatch.config.options import options_of
from qbdispatch.config.schema import Part
from tests.unit.config.helpers import settings_of


def known_keys(section: type = Settings) -> set[str]:
    keys = {f"{option.key}_file" for option in options_of(section) if option.secret}
    for option in options_of(section):
        keys |= {option.key} | (known_keys(option.field.section) if isinstance(option.field, Part) else set())
    return keys


keys = (
    st.sampled_from([*sorted(known_keys()), "_schema", "value"]) | st.text(max_size=5) | st.integers() | st.booleans()
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.binary(max_size=5)
    | st.sampled_from(
        ["http://a", "http://b:1", "${HOME}", "$${", "sqlite:///x", "sonarr", "/a", "é" * 70, "1e9", "nan"]
    )
)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=25,
)


def sections(section: type) -> st.SearchStrategy[dict[str, object]]:
    """Trees of the right shape with wrong values here and there."""
    return st.fixed_dictionaries({}, optional={option.key: values(option.field) for option in options_of(section)})


def values(field: object) -> st.SearchStrategy[object]:
    if not isinstance(field, Part):
        return leaves | trees
    inner = sections(field.section)
    return (st.lists(inner, max_size=3) if field.many else inner) | leaves


def loads_or_tells(text: str | bytes) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(settings_of(text, {"HOME": "/home"}), Settings)


@given(st.dictionaries(keys, trees, max_size=8) | sections(Settings))
def test_any_tree_loads_or_is_told(tree: dict[object, object]) -> None:
    """No tree of known and unknown settings raises anything else."""
    loads_or_tells(yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass"))


@given(st.text(alphabet="{}[]:,-&*!|>'\"%@`?#~<=\t\n ab10._\\x", max_size=60))
def test_any_text_loads_or_is_told(text: str) -> None:
    """Nor does anything the YAML reader may stumble over."""
    loads_or_tells(text)


@given(st.binary(max_size=60))
def test_any_bytes_load_or_are_told(content: bytes) -> None:
    """Nor do bytes that are no text."""
    loads_or_tells(content)
