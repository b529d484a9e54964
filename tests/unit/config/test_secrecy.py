"""Secrets stay where they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbdispatch.config import ConfigError, Settings
from qbdispatch.config.options import options_of
from qbdispatch.config.schema import Part
from tests.unit.config.helpers import error_of, settings_of

SECRET = "hunter2"
PLACES = """
nodes: [{{name: a, url: 'http://a', password: {0}, api_key: {0}}}]
dispatcher: {{admin_api_key: {0}}}
arr_instances: [{{name: a, type: sonarr, url: 'http://s', api_key: {0}}}]
auth: {{username: u, password: {0}, api_keys: [{0}]}}
database_url: sqlite:///{1}
"""


def secret_names(section: type = Settings) -> set[str]:
    names = set()
    for option in options_of(section):
        names |= secret_names(option.field.section) if isinstance(option.field, Part) else set()
        names |= {option.key} if option.secret else set()
    return names


def test_the_secrets_are_these() -> None:
    """A new setting that is a secret is declared one."""
    assert secret_names() == {
        "password",
        "api_key",
        "admin_api_key",
        "database_url",
        "api_keys",
        "targets",
        "password_hash",
    }


def test_no_secret_shows_in_the_settings() -> None:
    """repr and str of the whole and of each part show none, so that no log line can."""
    settings = settings_of(PLACES.format(SECRET, SECRET))
    parts = [settings, settings.dispatcher, settings.auth, *settings.nodes, *settings.arr_instances]
    assert SECRET not in "".join(f"{part!r}{part}" for part in parts)
    assert (settings.nodes[0].password, settings.auth.api_keys) == (SECRET, (SECRET,))


secrets = st.text(min_size=1, max_size=12).map(lambda text: f"qZ{text}Zq")


@given(
    secrets,
    st.sampled_from(["{}", "'{}'", '"{}"', "!{}", "*{}", "&{}", "{}:", "{}: x", "[{}]", "${{{}}}", "%{}"]),
)
def test_no_secret_shows_in_an_error_however_it_is_written(secret: str, form: str) -> None:
    """Loads or not: neither the settings nor any fault repeat the value of a secret."""
    written = form.format(secret)
    text = PLACES.format(written.replace("{", "{{").replace("}", "}}").format(), "x.db")
    try:
        shown = repr(settings_of(text.encode("utf-8", "replace")))
    except ConfigError as error:
        shown = f"{error!s}{error!r}{error.faults!r}"
    assert secret not in shown


@pytest.mark.parametrize("form", ["'{}\\n'", "{}: {{a: b}}", "[{}", "{}{}"])
def test_no_secret_shows_beside_another_fault(form: str) -> None:
    """Broken YAML near a secret shows the line's number, not the line."""
    text = PLACES.format(SECRET, SECRET) + form.format(SECRET, SECRET) + "\nsync: [\n"
    assert SECRET not in str(error_of(text))


def test_the_error_has_no_cause_that_would_show_the_file() -> None:
    """A traceback prints causes, and YAML's own error quotes the line."""
    error = error_of(f"auth: {{password: '{SECRET}\n")
    assert error.__cause__ is None
    assert error.__context__ is None
