"""Each kind of value: what it takes, what it refuses, and what it says then."""

import pytest

from tests.unit.config.helpers import NODE, faults_of, node_with, settings_of

NUMBERS = [
    "dispatcher.disk_weight",
    "dispatcher.download_weight",
    "dispatcher.bandwidth_weight",
    "dispatcher.max_downloads",
    "dispatcher.min_score",
    "dispatcher.default_size_gb",
    "dispatcher.submission.max_retries",
    "dispatcher.category_sizes_gb.tv",
    "sync.interval_s",
    "sync.stale_after_s",
    "fetch.timeout_s",
    "fetch.max_mb",
]
NODE_NUMBERS = ["min_free_gb", "weight", "max_downloads", "bandwidth_mbps", "timeout_s"]


def with_value(path: str, value: str) -> str:
    opened = path.replace(".", ": {")
    return f"{NODE}{opened}: {value}{'}' * path.count('.')}\n"


@pytest.mark.parametrize(
    "value",
    [".nan", ".inf", "-.inf", "true", "no", "lots", "[1]", "{a: 1}", "'nan'", "1e400", "0x" + "f" * 400],
)
@pytest.mark.parametrize("path", NUMBERS)
def test_what_is_not_a_finite_number_is_refused(path: str, value: str) -> None:
    """NaN and infinity would poison every comparison; yes/no counts as 1/0 in Python, but not here."""
    assert faults_of(with_value(path, value))[path].startswith("must be a number")


@pytest.mark.parametrize("value", [".nan", "-1", "true", "lots"])
@pytest.mark.parametrize("key", NODE_NUMBERS)
def test_node_numbers_are_checked_too(key: str, value: str) -> None:
    """The same rules hold inside the list of nodes."""
    assert faults_of(node_with(f"{key}: {value}"))[f"nodes[0].{key}"].startswith("must be a number")


@pytest.mark.parametrize("path", [path for path in NUMBERS if path != "dispatcher.min_score"])
def test_negative_numbers_are_refused(path: str) -> None:
    """No weight, size, limit or time may be below 0."""
    assert faults_of(with_value(path, "-0.5"))[path].startswith("must be a number from ")


def test_the_least_score_may_be_negative() -> None:
    """-1 is its default: nothing is refused for its score."""
    assert settings_of(with_value("dispatcher.min_score", "-2.5")).dispatcher.min_score == -2.5


@pytest.mark.parametrize("path", ["sync.interval_s", "sync.stale_after_s", "fetch.timeout_s", "fetch.max_mb"])
def test_times_and_sizes_that_nothing_fits_in_are_refused(path: str) -> None:
    """A time limit of 0 would fail every call."""
    assert path in faults_of(with_value(path, "0"))


def test_a_node_time_limit_of_zero_is_refused() -> None:
    """The same for a node's own."""
    assert "nodes[0].timeout_s" in faults_of(node_with("timeout_s: 0"))


def test_weights_of_zero_are_allowed() -> None:
    """0 takes a weigher, or a node, out."""
    settings = settings_of(node_with("weight: 0") + "dispatcher: {disk_weight: 0}")
    assert (settings.nodes[0].weight, settings.dispatcher.disk_weight) == (0, 0)


@pytest.mark.parametrize("value", ["1.5", "'2.5'"])
def test_counts_must_be_whole(value: str) -> None:
    """There is no half download; but 3.0 is 3."""
    path = "dispatcher.max_downloads"
    assert faults_of(with_value(path, value))[path] == "must be a whole number"
    assert settings_of(with_value(path, "3.0")).dispatcher.max_downloads == 3


@pytest.mark.parametrize("value", ["12345", "1.5", "true", "no", "017", "0x1F", "1:30"])
@pytest.mark.parametrize("key", ["password", "username", "api_key", "pool"])
def test_a_number_for_a_text_is_refused_with_the_cure(key: str, value: str) -> None:
    """017 would lose its zero and `no` become False: the fault says to use quotes, and not the value."""
    message = faults_of(node_with(f"{key}: {value}"))[f"nodes[0].{key}"]
    assert message == "reads as a number or a yes/no in YAML; put it in quotes"


@pytest.mark.parametrize("value", ["[a]", "{a: b}"])
def test_a_structure_for_a_text_is_refused(value: str) -> None:
    """Nothing is turned into text by force."""
    assert faults_of(node_with(f"password: {value}")) == {"nodes[0].password": "must be text"}


@pytest.mark.parametrize("value", [r'"a\nb"', r'"\0"', r'"\ud800"', r'"\x7f"', r'"\u2028"'])
@pytest.mark.parametrize("key", ["password", "username", "api_key", "pool", "url", "name"])
def test_control_characters_are_refused(key: str, value: str) -> None:
    """They would break headers, logs or encodings."""
    setting = f"{key}: {value}"
    node = {"name": "name: box", "url": "url: 'http://box'"} | {key: setting}
    faults = faults_of(f"nodes: [{{{', '.join(node.values())}}}]")
    assert "control character" in faults[f"nodes[0].{key}"]


@pytest.mark.parametrize("value", ["maybe", "[true]", "2"])
def test_what_is_not_true_or_false_is_refused(value: str) -> None:
    """A misspelt flag must not pass for the other."""
    assert faults_of(node_with(f"verify_tls: {value}")) == {"nodes[0].verify_tls": "must be true or false"}


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("http://h:8080/", "http://h:8080"),
        ("HTTP://Box:8080", "http://box:8080"),
        ("https://h/qb//", "https://h/qb"),
        ("http://h/a/b", "http://h/a/b"),
        ("http://h:80", "http://h"),
        ("https://h:443/x", "https://h/x"),
        ("https://h:80", "https://h:80"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("http://192.0.2.7", "http://192.0.2.7"),
        ("http://my_box", "http://my_box"),
    ],
)
def test_addresses_come_out_in_one_spelling(written: str, taken: str) -> None:
    """The last slash goes, a path prefix stays, and two spellings of one place are equal."""
    assert settings_of(f"nodes: [{{name: box, url: '{written}'}}]").nodes[0].url == taken


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h",
        "file:///etc/passwd",
        "http://",
        "http:///path",
        "http://:8080",
        "http://h:0",
        "http://h:99999",
        "http://h:port",
        "http://[::1",
        "http://[zz]",
        "http://h h",
        "http://h?x=1",
        "http://h#x",
        "http://h\\x",
        "http://%68",
        "://h",
        "http://*",
        " ",
    ],
)
def test_what_is_not_an_http_address_is_refused(url: str) -> None:
    """Each gets a sentence at its path."""
    assert set(faults_of(f"nodes: [{{name: box, url: '{url}'}}]")) == {"nodes[0].url"}


def test_an_address_without_scheme_is_told_how_to_write_it() -> None:
    """The commonest mistake is shown corrected."""
    faults = faults_of("nodes: [{name: a, url: 'http://a'}, {name: b, url: 'qbittorrent:8080'}]")
    assert faults == {"nodes[1].url": '"qbittorrent:8080" has no scheme; write http://qbittorrent:8080'}


@pytest.mark.parametrize(
    "url",
    [
        "http://u:hunter2@h",
        "u:hunter2@h:80",
        "http://h?password=hunter2",
        "h:1?hunter2=x",
        "http://h#hunter2",
    ],
)
def test_a_password_in_an_address_is_refused_and_not_echoed(url: str) -> None:
    """The address is shown in /nodes and in logs, so it must not hold one."""
    faults = faults_of(f"nodes: [{{name: box, url: '{url}'}}]")
    assert set(faults) == {"nodes[0].url"}
    assert "hunter2" not in str(faults)


@pytest.mark.parametrize("name", ["a", "Seedbox 1", "nas.lan_2-b", "коробка", "x" * 64])
def test_sane_names_are_taken(name: str) -> None:
    """Any language, blanks inside."""
    assert settings_of(f"nodes: [{{name: '{name}', url: 'http://h'}}]").nodes[0].name == name


@pytest.mark.parametrize("name", ["", " a", "a ", "a/b", "a\\b", "a?b", "a#b", "a%2fb", ".", "..", "x" * 65])
def test_names_that_break_addresses_are_refused(name: str) -> None:
    """A name is part of /nodes/NAME/drain."""
    assert set(faults_of(f"nodes: [{{name: '{name}', url: 'http://h'}}]")) == {"nodes[0].name"}


@pytest.mark.parametrize("key", ["'кл'", "' k'", "'k '"])
def test_keys_that_no_header_can_carry_are_refused(key: str) -> None:
    """An API key is sent in a header; this one would fail each call."""
    assert "HTTP header" in faults_of(node_with(f"api_key: {key}"))["nodes[0].api_key"]


def test_an_instance_is_sonarr_or_radarr() -> None:
    """Nothing else is spoken to."""
    faults = faults_of(NODE + "arr_instances: [{name: a, type: lidarr, url: 'http://l', api_key: k}]")
    assert faults == {"arr_instances[0].type": "must be sonarr or radarr"}


@pytest.mark.parametrize(("rule", "path"), [("{from: /a}", "to"), ("{to: /a}", "from"), ("{from: a, to: /b}", "from")])
def test_path_rules_are_whole(rule: str, path: str) -> None:
    """Both ends, each a whole path."""
    assert set(faults_of(node_with(f"path_map: [{rule}]"))) == {f"nodes[0].path_map[0].{path}"}


@pytest.mark.parametrize("value", ["tv", "{tv: 1}", "[]", "[1]", "[null]"])
def test_categories_are_a_list_of_names(value: str) -> None:
    """An empty list would accept nothing, which is what drain is for."""
    assert all(path.startswith("nodes[0].categories") for path in faults_of(node_with(f"categories: {value}")))


def test_sizes_by_category_need_names_and_numbers() -> None:
    """Each wrong size is named by its category; a category that reads as a number needs quotes."""
    faults = faults_of(NODE + "dispatcher: {category_sizes_gb: {tv: -1, movies: x, ok: 3}}")
    assert set(faults) == {"dispatcher.category_sizes_gb.tv", "dispatcher.category_sizes_gb.movies"}
    assert "quotes" in faults_of(NODE + "dispatcher: {category_sizes_gb: {2160: 1}}")["dispatcher.category_sizes_gb"]
    assert set(faults_of(NODE + "dispatcher: {category_sizes_gb: [1]}")) == {"dispatcher.category_sizes_gb"}
