"""Which file is read, and what comes out of a good one."""

from pathlib import Path

import pytest

from qbdispatch.config import (
    ArrSettings,
    AuthSettings,
    ConfigError,
    DispatcherSettings,
    FetchSettings,
    NodeSettings,
    PathRule,
    Settings,
    SubmissionSettings,
    SyncSettings,
    gib,
    load_settings,
)
from tests.unit.config.helpers import NODE, settings_of

ORIGINAL = """
dispatcher:
  disk_weight: 1.5
  download_weight: 2
  bandwidth_weight: 0.25
  max_downloads: 30
  min_score: -2.0
  admin_api_key: letmein
  submission:
    max_retries: 1
    save_path: /downloads
nodes:
  - name: one
    url: http://one:8080
    username: admin
    password: adminadmin
    min_free_gb: 20
    weight: 1.0
  - {name: two, url: "http://two:8080", username: admin, password: x, min_free_gb: 0, weight: 0.5}
arr_instances:
  - {name: tv, type: sonarr, url: "http://sonarr:8989", api_key: abc}
  - {name: films, type: radarr, url: "http://radarr:7878", api_key: def}
"""

NULLS = """
dispatcher: {admin_api_key: null, submission: null, max_downloads: null, category_sizes_gb: ~, disk_weight: }
nodes: [{name: box, url: "http://box:8080", username: null, password: null, min_free_gb: null, pool: null,
         categories: null, path_map: null, api_key: null, verify_tls: null, weight: null}]
arr_instances: null
database_url: null
sync: null
fetch:
auth: {username: null, password: null, api_keys: null}
"""

EVERYTHING = """
nodes:
  - name: box
    url: https://box/qb
    api_key: qbt_0123
    max_downloads: 0
    pool: attic
    categories: [tv, ""]
    path_map: [{from: /downloads, to: /mnt/box}, {from: 'D:\\data', to: /mnt/d}]
    bandwidth_mbps: 1000
    verify_tls: false
    timeout_s: 2.5
dispatcher: {default_size_gb: 4, category_sizes_gb: {tv: 2, movies: 12.5}}
database_url: sqlite:////var/lib/q.sqlite3
sync: {interval_s: 1, stale_after_s: 9}
fetch: {allow_private: false, timeout_s: 5, max_mb: 2}
auth: {username: u, password: p, api_keys: [k1, k2]}
"""


def test_the_original_dispatchers_file_loads_unchanged() -> None:
    """Every setting of the original is taken with its meaning, whole numbers for floats included."""
    settings = settings_of(ORIGINAL)
    assert settings.dispatcher == DispatcherSettings(
        disk_weight=1.5,
        download_weight=2.0,
        bandwidth_weight=0.25,
        max_downloads=30,
        min_score=-2.0,
        admin_api_key="letmein",
        submission=SubmissionSettings(max_retries=1, save_path="/downloads"),
    )
    one = NodeSettings(name="one", url="http://one:8080", username="admin", password="adminadmin", min_free_gb=20.0)
    two = NodeSettings(name="two", url="http://two:8080", username="admin", password="x", weight=0.5)
    assert settings.nodes == (one, two)
    assert settings.arr_instances == (
        ArrSettings(name="tv", type="sonarr", url="http://sonarr:8989", api_key="abc"),
        ArrSettings(name="films", type="radarr", url="http://radarr:7878", api_key="def"),
    )


def test_null_means_the_default_for_sections_and_values() -> None:
    """A file that spells out null everywhere equals one that says nothing."""
    expected = Settings(nodes=(NodeSettings(name="box", url="http://box:8080"),))
    loaded = settings_of(NULLS)
    assert loaded.nodes == expected.nodes
    assert loaded.dispatcher == expected.dispatcher
    assert (loaded.arr_instances, loaded.sync, loaded.fetch, loaded.auth) == (
        (),
        SyncSettings(),
        FetchSettings(),
        AuthSettings(),
    )


def test_an_empty_text_means_unset_where_unset_is_the_default() -> None:
    """`admin_api_key: ""` asks nobody for a key, as null does; it is not a key of no characters."""
    settings = settings_of(NODE + 'dispatcher: {admin_api_key: "", submission: {save_path: ""}}\nauth: {username: ""}')
    assert settings.dispatcher.admin_api_key is None
    assert settings.dispatcher.submission.save_path is None
    assert settings.auth.username is None


def test_every_optional_setting_is_taken() -> None:
    """Each setting beyond the original's arrives where the code will look for it, in its type."""
    settings = settings_of(EVERYTHING)
    assert settings.nodes[0] == NodeSettings(
        name="box",
        url="https://box/qb",
        api_key="qbt_0123",
        max_downloads=0,
        pool="attic",
        categories=("tv", ""),
        path_map=(PathRule(from_="/downloads", to="/mnt/box"), PathRule(from_="D:\\data", to="/mnt/d")),
        bandwidth_mbps=1000.0,
        verify_tls=False,
        timeout_s=2.5,
    )
    assert settings.dispatcher.default_size_gb == 4.0
    assert settings.dispatcher.category_sizes_gb == {"tv": 2.0, "movies": 12.5}
    assert settings.database_url == "sqlite:////var/lib/q.sqlite3"
    assert settings.sync == SyncSettings(interval_s=1.0, stale_after_s=9.0)
    assert settings.fetch == FetchSettings(allow_private=False, timeout_s=5.0, max_mb=2)
    assert settings.auth == AuthSettings(username="u", password="p", api_keys=("k1", "k2"))


def test_gigabytes_are_gibibytes() -> None:
    """One GB of the configuration is 2**30 bytes."""
    assert gib(1) == 2**30
    assert NodeSettings(name="n", url="http://n", min_free_gb=0.5).min_free_bytes == 2**29


def test_anchors_and_merge_keys_work() -> None:
    """YAML's own way to say things once is honest use, not an attack."""
    settings = settings_of(
        "nodes:\n"
        "  - &first {name: a, url: 'http://a', username: admin, password: pw}\n"
        "  - {<<: *first, name: b, url: 'http://b'}\n"
    )
    assert [(node.name, node.username, node.password) for node in settings.nodes] == [
        ("a", "admin", "pw"),
        ("b", "admin", "pw"),
    ]


def test_the_environment_names_the_file(tmp_path: Path) -> None:
    """QBDISPATCH_CONFIG is read when no path is given."""
    file = tmp_path / "elsewhere.yaml"
    file.write_text(NODE)
    assert load_settings(environ={"QBDISPATCH_CONFIG": str(file)}).nodes[0].name == "box"


def test_without_the_environment_config_yaml_in_the_working_directory_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last resort is ./config.yaml, as in the original."""
    (tmp_path / "config.yaml").write_text(NODE)
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={}).nodes[0].name == "box"
    assert load_settings(environ={"QBDISPATCH_CONFIG": ""}).nodes[0].name == "box"


def test_a_missing_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    """The message names the file, the example to start from and the variable."""
    with pytest.raises(ConfigError, match="QBDISPATCH_CONFIG") as caught:
        load_settings(tmp_path / "none.yaml", {})
    assert caught.value.faults[0].path == str(tmp_path / "none.yaml")
    assert "config.example.yaml" in str(caught.value)


def test_a_directory_is_told_with_its_usual_cause(tmp_path: Path) -> None:
    """Docker makes a directory where a bind mount finds no file."""
    with pytest.raises(ConfigError, match="is a directory; Docker"):
        load_settings(tmp_path, {})


def test_a_file_without_read_permission_is_told(tmp_path: Path) -> None:
    """Any other refusal of the system is passed on in a sentence."""
    with pytest.raises(ConfigError, match="cannot be read: "):
        load_settings(Path("/dev/null") / tmp_path.name, {})
