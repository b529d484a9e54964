"""Rules of whole sections: what is known, what is required, what must differ or go together."""

import pytest

from tests.unit.config.helpers import NODE, error_of, faults_of, settings_of


def test_all_faults_are_told_at_once_one_per_line() -> None:
    """One start shows everything there is to put right."""
    error = error_of(
        "nodes:\n"
        "  - {name: a/b, url: box:8080, min_free_gb: -1}\n"
        "  - {nmae: c, weight: true}\n"
        "dispatcher: {max_downloads: x, submission: {max_retries: -1}}\n"
        "auth: {username: u}\n"
    )
    lines = str(error).splitlines()
    assert [line.split(":")[0] for line in sorted(lines)] == [
        "auth.password",
        "dispatcher.max_downloads",
        "dispatcher.submission.max_retries",
        "nodes[0].min_free_gb",
        "nodes[0].name",
        "nodes[0].url",
        "nodes[1].name",
        "nodes[1].nmae",
        "nodes[1].url",
        "nodes[1].weight",
    ]
    assert all(": " in line for line in lines)


@pytest.mark.parametrize(
    ("text", "path", "near"),
    [
        (NODE + "dispacher: {}", "dispacher", "dispatcher"),
        (NODE + "dispatcher: {disk_wieght: 1}", "dispatcher.disk_wieght", "disk_weight"),
        ("nodes: [{name: a, url: 'http://a', pasword: x}]", "nodes[0].pasword", "password"),
        ("nodes: [{name: a, url: 'http://a', pasword_file: x}]", "nodes[0].pasword_file", "password_file"),
        (NODE + "auth: {apikeys: []}", "auth.apikeys", "api_keys"),
    ],
)
def test_an_unknown_setting_is_refused_with_the_nearest_known(text: str, path: str, near: str) -> None:
    """A misspelt setting must not be ignored in silence."""
    assert faults_of(text) == {path: f"is not a setting; did you mean {near}?"}


def test_an_unknown_setting_like_no_other_is_refused_with_those_that_are_known() -> None:
    """Also when its value is null."""
    assert faults_of(NODE + "sync: {zzz: null}") == {
        "sync.zzz": "is not a setting; write one of interval_s, stale_after_s"
    }


def test_a_setting_whose_name_is_no_text_is_refused() -> None:
    """`on: 1` is the key True to YAML; a key may also be a number too long to print."""
    faults = faults_of(f"{NODE}sync:\n  on: 1\n  7: 2\n  ? 0x{'f' * 5000}\n  : '${{X'\n")
    assert set(faults) == {"sync.…", "sync[7]"}


def test_a_secret_glued_to_its_key_is_not_echoed() -> None:
    """`{password:hunter2}` is one key to YAML."""
    faults = faults_of("nodes: [{name: a, url: 'http://a', password:hunter2}]")
    assert set(faults) == {"nodes[0].password…"}
    assert "hunter2" not in str(faults)


@pytest.mark.parametrize("text", ["{}", "dispatcher: {}", "nodes: null", "nodes: []"])
def test_at_least_one_node_is_needed(text: str) -> None:
    """A dispatcher without nodes can do nothing."""
    assert set(faults_of(text)) == {"nodes"} or text == "{}"
    assert "nodes" in faults_of(text if text != "{}" else "sync: {}")


@pytest.mark.parametrize("value", ["{name: a, url: 'http://a'}", "box", "5", "[box]", "[null]", "[[]]"])
def test_nodes_are_a_list_of_sections(value: str) -> None:
    """Each wrong shape has its sentence."""
    (path,) = faults_of(f"nodes: {value}")
    assert path in {"nodes", "nodes[0]"}


@pytest.mark.parametrize("value", ["[]", "5", "text", "true"])
@pytest.mark.parametrize("part", ["dispatcher", "sync", "fetch", "auth"])
def test_a_section_is_a_section(part: str, value: str) -> None:
    """A value where lines of settings belong is named with its path."""
    assert faults_of(f"{NODE}{part}: {value}") == {part: "must be a section: lines of `name: value`"}


def test_required_values_are_named() -> None:
    """An instance without its key cannot be asked anything; null does not count as given."""
    faults = faults_of(NODE + "arr_instances: [{name: tv, type: null}]")
    assert set(faults) == {f"arr_instances[0].{key}" for key in ("type", "url", "api_key")}


def test_node_names_differ() -> None:
    """Both entries are named, also when another node between has faults of its own."""
    faults = faults_of(
        "nodes: [{name: a, url: 'http://a'}, {name: 7, url: x}, null, {name: a, url: 'http://d', weight: z}]"
    )
    assert faults["nodes[3].name"] == "is the same as in entry [0]; each entry needs its own"
    assert set(faults) == {"nodes[1].name", "nodes[1].url", "nodes[2]", "nodes[3].name", "nodes[3].weight"}


def test_node_addresses_differ_in_any_spelling() -> None:
    """One qBittorrent listed twice would be promised its disk twice."""
    faults = faults_of("nodes: [{name: a, url: 'http://box:80/'}, {name: b, url: 'HTTP://BOX'}]")
    assert faults == {"nodes[1].url": "is the same as in entry [0]; each entry needs its own"}


def test_instance_names_differ_but_may_equal_a_nodes() -> None:
    """Names are told apart within their list only."""
    entry = "{name: box, type: sonarr, url: 'http://s', api_key: k}"
    assert settings_of(NODE + f"arr_instances: [{entry}]").arr_instances[0].name == "box"
    assert set(faults_of(NODE + f"arr_instances: [{entry}, {entry}]")) == {"arr_instances[1].name"}


def test_a_folder_of_a_node_is_mapped_once() -> None:
    """Two rules for one folder contradict each other; other nodes may have the same folder."""
    rules = "path_map: [{from: /d, to: /x}"
    assert set(faults_of(f"nodes: [{{name: a, url: 'http://a', {rules}, {{from: /d, to: /y}}]}}]")) == {
        "nodes[0].path_map[1].from"
    }
    two = ", ".join(f"{{name: {name}, url: 'http://{name}', {rules}]}}" for name in "ab")
    assert len(settings_of(f"nodes: [{two}]").nodes) == 2


@pytest.mark.parametrize(("given", "missing"), [("username", "password"), ("password", "username")])
def test_a_login_is_a_name_and_a_password(given: str, missing: str) -> None:
    """Half a login would let in everybody or nobody."""
    assert set(faults_of(f"{NODE}auth: {{{given}: x}}")) == {f"auth.{missing}"}


def test_a_hash_stands_for_the_password() -> None:
    """With a user, in place of a password, and of one of the two forms."""
    hashed = "'$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA'"
    assert settings_of(f"{NODE}auth: {{username: u, password_hash: {hashed}}}").auth.password is None
    assert settings_of(f"{NODE}auth: {{username: u, password_hash: '@ByteArray(AAAA:BBBB)'}}").auth.username == "u"
    assert set(faults_of(f"{NODE}auth: {{password_hash: {hashed}}}")) == {"auth.username"}
    assert set(faults_of(f"{NODE}auth: {{username: u, password: p, password_hash: {hashed}}}")) == {
        "auth.password_hash"
    }
    assert "hash-password" in faults_of(f"{NODE}auth: {{username: u, password_hash: hunter2}}")["auth.password_hash"]


def test_a_faulty_password_is_not_also_missing() -> None:
    """One mistake, one line."""
    assert set(faults_of(NODE + "auth: {username: u, password: 5}")) == {"auth.password"}


@pytest.mark.parametrize("sync", ["{stale_after_s: 2}", "{interval_s: 30}", "{interval_s: 9, stale_after_s: 3}"])
def test_a_node_is_not_stale_between_two_looks(sync: str) -> None:
    """stale_after_s must exceed interval_s, defaults included."""
    assert "must be above interval_s" in faults_of(f"{NODE}sync: {sync}")["sync.stale_after_s"]
