"""docs/command-line.md shows what there is, and what it shows is understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from qbdispatch.cli.main import main
from qbdispatch.dispatch.doctor.nodes import SILENCES

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "command-line.md").read_text()
SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
SHOWN = [shlex.split(line)[1:] for line in SHELL.splitlines() if line.startswith("qbdispatch ")]


@pytest.mark.parametrize("words", SHOWN, ids=" ".join)
def test_every_command_that_is_shown_is_understood(words: list[str]) -> None:
    """Its arguments and options are taken as they stand; click raises a usage error for any other."""
    command = main.commands[words[0]]
    with command.make_context(words[0], list(words[1:]), parent=click.Context(main)):
        pass
    assert CliRunner().invoke(main, [words[0], "--help"]).exit_code == 0


def test_every_command_is_shown() -> None:
    """With an example."""
    assert {words[0] for words in SHOWN} == set(main.commands)


def test_every_command_but_the_demo_answers_in_json() -> None:
    """As the page says."""
    without = {
        name for name, command in main.commands.items() if not any("--json" in one.opts for one in command.params)
    }
    assert without == {"demo"}


def test_every_code_of_a_finding_is_explained() -> None:
    """With what to do, and no other: those in the table are those in the doctor's sources."""
    sources = "".join(path.read_text() for path in (ROOT / "qbdispatch/dispatch/doctor").glob("*.py"))
    given = re.findall(r'\b(?:error|warning)\(\s*"(\w+)"', sources) + [code for code, _ in SILENCES.values()]
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    table = page.split("| code | what it means | what to do |\n| --- | --- | --- |\n")[1].split("\n\n")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == sorted(set(given))
