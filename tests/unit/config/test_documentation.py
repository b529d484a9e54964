"""config.example.yaml and the documentation say what the schema says, no more and no less."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from qbdispatch.config import load_settings, reference
from qbdispatch.config.reference import plain, settings_by_path
from qbdispatch.nodes.errors import REMEDIES, Cause
from qbdispatch.scoring.model import Reason

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "config.example.yaml"
DOCS = ROOT / "docs"
COMMENTED_SETTING = re.compile(r"^( *)#(?=\S)", re.MULTILINE)


def paths_in(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from paths_in(value, f"{prefix}{key}.")
            continue
        yield f"{prefix}{key}", value
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for entry in value:
                yield from paths_in(entry, f"{prefix}{key}[].")


def everything_uncommented() -> dict[str, Any]:
    return dict(yaml.safe_load(COMMENTED_SETTING.sub(r"\1", EXAMPLE.read_text())))


def test_the_example_loads_as_it_is() -> None:
    """Whoever copies it has a configuration that starts."""
    assert len(load_settings(EXAMPLE, {}).nodes) == 2


def test_the_example_loads_with_everything_uncommented(tmp_path: Path) -> None:
    """Each commented line is a setting in its right place, and means what leaving it out means."""
    file = tmp_path / "config.yaml"
    file.write_text(COMMENTED_SETTING.sub(r"\1", EXAMPLE.read_text()))
    as_it_is = tmp_path / "plain.yaml"
    as_it_is.write_text(EXAMPLE.read_text())
    assert load_settings(file, {}) == load_settings(as_it_is, {})


def test_every_setting_is_in_the_example() -> None:
    """A setting nobody can find does not exist; the keys of path_map stand in its comment."""
    documented = {path for path, _ in paths_in(everything_uncommented())}
    wanted = {path for path, _ in settings_by_path()}
    assert documented | {"nodes[].path_map[].from", "nodes[].path_map[].to"} == wanted
    assert "[{from: " in EXAMPLE.read_text()


def test_the_example_shows_true_defaults() -> None:
    """What is commented out is what happens without it."""
    commented = set(re.findall(r"^ *#(\w+): ", EXAMPLE.read_text(), re.MULTILINE))
    values = [(path, value) for path, value in paths_in(everything_uncommented()) if path.split(".")[-1] in commented]
    options = dict(settings_by_path())
    wrong = {
        path: value
        for path, value in values
        if value != plain(options[path].default)
        and (path, value) != ("nodes[].min_free_gb", 50)
        and not options[path].required
        and path not in {"nodes[].username", "nodes[].password"}
    }
    assert wrong == {}


def test_the_reference_is_the_schema() -> None:
    """One row for each setting, with its default and its description, in the schema's order."""
    page = (DOCS / "configuration.md").read_text()
    assert page == reference.rewrite(page), "run: python -m qbdispatch.config.reference docs/configuration.md"
    rows = page.split(reference.BEGIN)[1].split(reference.END)[0].splitlines()[2:]
    assert re.findall(r"^\| `(.+?)` \|", "\n".join(rows), re.MULTILINE) == [path for path, _ in settings_by_path()]
    assert "| `dispatcher.admin_api_key` | `null` | If set, X-API-Key for all but" in page
    assert "| `nodes[].url` | required | Address of its Web UI" in page
    assert "| `sync.interval_s` | `2` | Seconds" in page


def test_every_environment_variable_is_documented() -> None:
    """Those that the sources read, and no other."""
    sources = [*(ROOT / "qbdispatch").rglob("*.py"), ROOT / "wsgi.py", ROOT / "gunicorn.conf.py"]
    read = set(re.findall(r"\b(QBDISPATCH_[A-Z_]+|WEB_CONCURRENCY)\b", "".join(file.read_text() for file in sources)))
    table = (DOCS / "configuration.md").read_text().split("| variable | default | meaning |\n")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == read


def test_the_reason_codes_in_the_documentation_are_the_codes() -> None:
    """Each code has its row, and there is no row for anything else."""
    page = (DOCS / "reason-codes.md").read_text()
    table = page.split("| code | meaning | what to do |\n| --- | --- | --- |\n")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [reason.value for reason in Reason]


def test_the_causes_in_the_documentation_are_the_causes() -> None:
    """Each cause has a remedy, and each remedy its row: with its reason and the very sentence that users are told."""
    assert list(REMEDIES) == list(Cause)
    text = (ROOT / "docs" / "reason-codes.md").read_text()
    table = text.split("| cause | reason | what to do |\n| --- | --- | --- |\n")[1].split("\n\n")[0]
    reasons = {cause: f"`{remedy.reason}`" if remedy.reason else "warning" for cause, remedy in REMEDIES.items()}
    rows = [f"| `{cause}` | {reasons[cause]} | {remedy.advice} |" for cause, remedy in REMEDIES.items()]
    assert table.splitlines() == rows
