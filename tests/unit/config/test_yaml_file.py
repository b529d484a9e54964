"""What is refused before any setting is looked at."""

import pytest

from tests.unit.config.helpers import NODE, faults_of, settings_of

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGE_BOMB = "a: &a {k: v}\n" + "".join(
    f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 10)}]}}\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize("text", ["", "\n\n# only a comment\n", "---\n", "null\n", "\ufeff"])
def test_an_empty_file_is_told(text: str) -> None:
    """Nothing, comments and null are all no configuration."""
    assert faults_of(text)["config.yaml"].startswith("is empty;")


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text\n", "42\n", "[]\n", "true\n", "''\n"])
def test_a_file_that_is_not_a_mapping_is_told(text: str) -> None:
    """Valid YAML of another shape gets a sentence, not a traceback."""
    assert faults_of(text)["config.yaml"].startswith("must hold lines of")


def test_keys_written_twice_are_refused_with_both_lines() -> None:
    """YAML readers keep the last silently; here each repetition is named, besides all other faults."""
    faults = faults_of("nodes:\n  - name: a\n    url: http://a\n    name: b\nsync: {}\nsync: {interval_s: x}\n")
    assert faults["config.yaml, line 4"] == "sets again what line 2 sets; keep one of them"
    assert faults["config.yaml, line 6"] == "sets again what line 5 sets; keep one of them"
    assert faults["sync.interval_s"] == "must be a number"


def test_a_merged_key_may_be_set_again() -> None:
    """Overriding what `<<` brings is its purpose, not a repetition."""
    text = "nodes:\n  - &a {name: a, url: 'http://a', weight: 2}\n  - &b {<<: *a, name: b, url: 'http://b'}\n"
    assert settings_of(text + "  - {<<: *b, name: c, url: 'http://c', weight: 3}\n").nodes[2].weight == 3


@pytest.mark.parametrize(
    "value",
    ["!!python/object/apply:os.system [id]", "!secret x", "!!binary aGk=", "!!timestamp x", "!!int x", "! x"],
)
def test_tags_are_refused(value: str) -> None:
    """No tag is needed here, and none is obeyed; its text, perhaps a password, is not repeated."""
    faults = faults_of(NODE + f"auth:\n  password: {value}\n")
    assert faults["config.yaml, line 3"].startswith("begins a value with !")
    assert "secret" not in str(faults)


def test_the_string_tag_is_allowed() -> None:
    """`!!str` is the YAML way to say what quotes say."""
    assert settings_of(NODE.replace("box,", "!!str 12,")).nodes[0].name == "12"


@pytest.mark.parametrize(
    "text", [BOMB, MERGE_BOMB, "a: &a [*a]\n", "&a b: {c: *a, d: &d {e: *d}}\n", "[" * 5000 + "]" * 5000]
)
def test_alias_bombs_and_deep_nesting_are_refused_at_once(text: str) -> None:
    """The size with all aliases written out is counted before anything is built."""
    assert len(faults_of(text)) == 1


def test_a_file_of_too_many_values_is_refused() -> None:
    """A plain file can be too large as well."""
    assert "too large" in faults_of("a: [" + "1," * 20_000 + "]")["config.yaml, line 1"]
    assert "larger than 1 MiB" in faults_of(b"#" * (2**20 + 1))["config.yaml"]


def test_an_alias_of_nothing_is_refused_without_its_name() -> None:
    """A password that begins with * is an alias to YAML; it is not echoed."""
    faults = faults_of(NODE + "auth: {username: u, password: *hunter2}\n")
    assert "put the value in quotes" in faults["config.yaml, line 2"]
    assert "hunter2" not in str(faults)


def test_a_tab_is_told_as_a_tab() -> None:
    """The usual mistake gets its own sentence."""
    assert "tab" in faults_of("nodes:\n\t- name: a\n")["config.yaml, line 2"]


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1, 2\n", 2), ("a: b: c\n", 1), ("a: 'x\n", 2), ("a: @x\n", 1), ("a: 1\n---\nb: 2\n", 2)],
)
def test_broken_yaml_is_told_with_its_line(text: str, line: int) -> None:
    """What the YAML reader says is passed on in a sentence, with the line."""
    assert faults_of(text)[f"config.yaml, line {line}"].startswith("is not YAML: ")


def test_bytes_that_are_not_utf8_are_told() -> None:
    """Latin-1 files and binaries are no text."""
    assert "is not UTF-8 at byte 3" in faults_of(b"a: \xff\n")["config.yaml"]


def test_characters_yaml_forbids_are_told_with_their_line() -> None:
    """A bell or a NUL in the file is a fault, not a crash."""
    assert "does not allow" in faults_of("a: b\nc: \x07\n")["config.yaml, line 2"]


@pytest.mark.parametrize("number", ["0b_", "1" * 5000])
def test_numbers_python_cannot_read_are_told(number: str) -> None:
    """YAML takes some texts for numbers that are none."""
    assert "number that cannot be read" in faults_of(f"a: {number}\n")["config.yaml"]


def test_dates_and_equals_signs_stay_text() -> None:
    """YAML would make a date of one and fail on the other; a password may be either."""
    assert settings_of(NODE + "auth: {username: 2024-01-02, password: =}").auth.username == "2024-01-02"


def test_an_unknown_tag_handle_is_refused_without_its_name() -> None:
    """A password like !a!b is one to YAML, whose reader would quote it."""
    faults = faults_of(NODE + "auth: {username: u, password: !hunter2!x }\n")
    assert faults["config.yaml, line 2"].startswith("is not YAML: ")
    assert "hunter2" not in str(faults)


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    """Windows editors write one."""
    assert settings_of(b"\xef\xbb\xbf" + NODE.encode()).nodes[0].name == "box"
