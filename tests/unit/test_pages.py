"""README and docs/ hang together: links, headings, pictures and files that they name are there."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from qbdispatch.config import load_settings
from qbdispatch.reference.shapes import ErrorShape, TargetsShape

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)


def _prose(page: Path) -> str:
    return FENCED.sub("", page.read_text())


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """To a file or picture that is there, and to a heading that it has."""
    for link in LINK.findall(_prose(page)):
        parts = urlsplit(link)
        if parts.scheme:
            continue
        target = (page.parent / parts.path).resolve() if parts.path else page
        assert target.is_file(), link
        assert target.is_relative_to(ROOT), link
        assert not parts.fragment or parts.fragment in _anchors(target), link


def test_every_page_is_reached_from_the_readme() -> None:
    """Directly: its table of pages is the table of contents."""
    linked = {(ROOT / link).resolve() for link in LINK.findall(_prose(PAGES[0]))}
    assert set(PAGES[1:]) <= linked


def test_every_picture_that_is_shown_is_described() -> None:
    """For who does not see it."""
    pictures = [found for page in PAGES for found in re.findall(r"!\[([^\]]*)\]", page.read_text())]
    assert len(pictures) >= 4
    assert all(pictures)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_source_that_is_named_is_there(page: Path) -> None:
    """A renamed module is renamed in the pages too."""
    named = re.findall(r"(?<![\w/.])((?:[\w.-]+/)*[\w.-]+\.(?:py|yml|yaml|conf|service))(?![\w/])", page.read_text())
    inside = ("", "qbdispatch", "qbdispatch/dispatch", "qbdispatch/scoring", "qbdispatch/config", "docs")
    made_by_users = {"config.yaml", "qBittorrent.conf"}
    wrong = {name for name in named if not any((ROOT / folder / name).is_file() for folder in inside)} - made_by_users
    assert wrong == set()


def _architecture(heading: str) -> str:
    return (ROOT / "docs/architecture.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_the_layers_are_those_that_are_checked() -> None:
    """By import-linter, in its order."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / "setup.cfg")
    checked = contracts["importlinter:contract:layers"]["layers"].split("\n")[1:]
    drawn = _architecture("Layers").split("```")[1].splitlines()[1:]
    assert [re.split(" {2,}", line)[0] for line in drawn] == checked


def test_the_architecture_names_every_package_and_every_module_of_dispatch() -> None:
    """So that a newcomer finds the file to open; one that is gone is named no more."""
    packages = {path.name for path in (ROOT / "qbdispatch").iterdir() if (path / "__init__.py").is_file()}
    places = _architecture("Where things are")
    named = set(re.findall(r"\b(\w+)/", places.split("```")[1]))
    assert packages <= named
    roots = (ROOT, ROOT / "qbdispatch", ROOT / "qbdispatch/dispatch", ROOT / "tests")
    assert [name for name in named if not any((root / name).is_dir() for root in roots)] == []
    cells = re.findall(r"^\| [^|`]+ \| (`.+) \|$", places, re.MULTILINE)
    modules = {path.stem for path in (ROOT / "qbdispatch/dispatch").iterdir()} - {"__init__", "__pycache__"}
    assert sorted(name for cell in cells for name in re.findall(r"`(\w+)`", cell)) == sorted(modules)


def _blocks(language: str) -> list[Any]:
    """Each block of this language on any page."""
    found = re.compile(rf"^( *)```{language}\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
    return [
        pytest.param(dedent(text), id=f"{page.name} {number}")
        for page in PAGES
        for number, (_, text) in enumerate(found.findall(page.read_text()), 1)
    ]


@pytest.mark.parametrize("block", _blocks("yaml"))
def test_every_configuration_that_is_shown_loads(block: str, tmp_path: Path) -> None:
    """As it stands; one that shows a part is completed with a node. Variables and secret files are there."""
    shown = yaml.safe_load(block)
    node = {"name": "n", "url": "http://127.0.0.1:1", "username": "u", "password": "p"}
    for relative in ("secrets/box-2", "run/secrets/admin-key"):
        (tmp_path / relative).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / relative).write_text("secret\n")
    text = yaml.safe_dump({"nodes": [node], **shown}).replace("/run/secrets", f"{tmp_path}/run/secrets")
    file = tmp_path / "config.yaml"
    file.write_text(text)
    environ = dict.fromkeys(re.findall(r"\$\{(\w+)\}", block), "secret")
    assert load_settings(file, environ).nodes


@pytest.mark.parametrize("block", _blocks("json"))
def test_every_answer_that_is_shown_has_the_shape_of_one(block: str) -> None:
    """Of those in the API reference."""
    assert any(not shape().validate(json.loads(block)) for shape in (ErrorShape, TargetsShape))
