"""Values from environment variables and from secret files."""

import pytest

from tests.unit.config.helpers import NODE, faults_of, node_with, settings_of

ENVIRON = {
    "HOST": "box",
    "PORT": "8080",
    "PW": "hunter2",
    "MAX": "7",
    "FLAG": "False",
    "EMPTY": "",
    "LOOP": "${PW}",
}


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("${PW}", "hunter2"),
        ("a${PW}b", "ahunter2b"),
        ("${HOST}${PORT}", "box8080"),
        ("$${PW}", "${PW}"),
        ("$${PW}${PW}", "${PW}hunter2"),
        ("$PW", "$PW"),
        ("$$", "$$"),
        ("a$", "a$"),
        ("{PW}", "{PW}"),
        ("${LOOP}", "${PW}"),
    ],
)
def test_variables_stand_anywhere_in_a_text(written: str, taken: str) -> None:
    """Several, inside longer texts, escaped by $$; what a variable holds is not looked into again."""
    assert settings_of(node_with(f"password: '{written}'"), ENVIRON).nodes[0].password == taken


def test_variables_stand_in_addresses_lists_numbers_and_flags() -> None:
    """Wherever a value can stand, a variable can."""
    settings = settings_of(
        "nodes: [{name: n, url: 'http://${HOST}:${PORT}', max_downloads: '${MAX}', verify_tls: '${FLAG}',"
        " categories: ['${HOST}']}]\nauth: {api_keys: ['${PW}']}",
        ENVIRON,
    )
    node = settings.nodes[0]
    assert (node.url, node.max_downloads, node.verify_tls, node.categories) == (
        "http://box:8080",
        7,
        False,
        ("box",),
    )
    assert settings.auth.api_keys == ("hunter2",)


@pytest.mark.parametrize("name", ["NOT_SET", "EMPTY"])
def test_an_unset_or_empty_variable_is_a_fault(name: str) -> None:
    """An admin key that came out empty would leave the doors open; it is the only fault at its place."""
    faults = faults_of(
        f"{NODE}dispatcher: {{admin_api_key: '${{{name}}}'}}\nauth: {{api_keys: [a, '${{{name}}}']}}", ENVIRON
    )
    assert set(faults) == {"dispatcher.admin_api_key", "auth.api_keys[1]"}
    assert faults["dispatcher.admin_api_key"] == "names an environment variable that is unset or empty; set it"
    assert set(faults_of("nodes: [{name: a, url: '${NOT_SET}'}]")) == {"nodes[0].url"}


@pytest.mark.parametrize("value", ["${", "${PW", "${}", "${a-b}", "x${ PW }", "${1}"])
def test_a_half_reference_is_a_fault_that_tells_the_escape(value: str) -> None:
    """A password may hold ${; the fault says how, and does not repeat it."""
    assert "$${" in faults_of(node_with(f"password: '{value}'"), ENVIRON)["nodes[0].password"]


SECRETS = [
    ("nodes: [{name: a, url: 'http://a', password_file: s}]", lambda s: s.nodes[0].password),
    ("nodes: [{name: a, url: 'http://a', api_key_file: s}]", lambda s: s.nodes[0].api_key),
    (NODE + "dispatcher: {admin_api_key_file: s}", lambda s: s.dispatcher.admin_api_key),
    (NODE + "auth: {username: u, password_file: s}", lambda s: s.auth.password),
    (
        NODE + "arr_instances: [{name: a, type: sonarr, url: 'http://s', api_key_file: '${DIR}s'}]",
        lambda s: s.arr_instances[0].api_key,
    ),
]


@pytest.mark.parametrize("content", [b"hunter2", b"hunter2\n", b"hunter2\r\n"])
@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_any_secret_can_come_from_a_file(text: str, secret: object, content: bytes) -> None:
    """The last line break is an editor's, not the secret's; a relative path starts at the configuration."""
    assert callable(secret)
    assert secret(settings_of(text, {"DIR": "./"}, {"s": content})) == "hunter2"


def test_the_database_address_can_come_from_a_file() -> None:
    """It may hold a password one day."""
    settings = settings_of(NODE + "database_url_file: s", files={"s": b"sqlite:////x/y\n"})
    assert settings.database_url == "sqlite:////x/y"


def test_a_file_of_api_keys_has_one_a_line() -> None:
    """Blank lines do not count."""
    settings = settings_of(NODE + "auth: {api_keys_file: s}", files={"s": b"one\r\n\n two \n"})
    assert settings.auth.api_keys == ("one", "two")


def test_what_a_file_holds_is_taken_literally() -> None:
    """Blanks and ${ in it are part of the secret."""
    settings = settings_of(node_with("password_file: s"), files={"s": b" ${PW} \n"})
    assert settings.nodes[0].password == " ${PW} "


@pytest.mark.parametrize(
    ("text", "secret"),
    [(text, secret) for text, secret in SECRETS if "password_file" not in text or "auth" in text],
)
@pytest.mark.parametrize("content", [None, b"", b"\n \n", b"\xff", b"x" * 70_000])
def test_a_file_that_gives_no_secret_is_the_only_fault(text: str, secret: object, content: bytes | None) -> None:
    """Missing, empty, binary or huge: told at X_file, and X is not called missing besides."""
    (path,) = faults_of(text, {"DIR": "./"}, {} if content is None else {"s": content})
    assert path.endswith("_file")


@pytest.mark.parametrize("value", ["7", "[a]", "''", "'a\\0'", '"a\\0"', "."])
def test_a_secret_file_is_a_path(value: str) -> None:
    """Any other value, and a folder, is a fault at X_file."""
    assert set(faults_of(node_with(f"password_file: {value}"))) == {"nodes[0].password_file"}


def test_a_secret_and_its_file_are_too_much() -> None:
    """Which of them is meant cannot be known; an empty one is none."""
    text = "password: hunter2\n    password_file: s"
    faults = faults_of(node_with(text), files={"s": b"x"})
    assert faults == {"nodes[0].password_file": "is given besides password; keep one of them"}
    assert settings_of(node_with(text.replace("hunter2", "''")), files={"s": b"x"}).nodes[0].password == "x"


def test_an_absent_secret_file_setting_is_no_secret() -> None:
    """null is unset here too."""
    assert settings_of(node_with("password_file: null")).nodes[0].password == ""


def test_only_secrets_come_from_files() -> None:
    """`name_file` is not a setting."""
    assert set(faults_of(node_with("pool_file: s"))) == {"nodes[0].pool_file"}
