"""The command line over scripted nodes, as a shell would call it."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from qbdispatch.cli.main import main

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Each call sets up logging for a process of its own; the tests' process goes on with what it had."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., Path]:
    """Writes a configuration; further keys are top-level sections."""

    def write(nodes: list[dict[str, Any]], **more: Any) -> Path:
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump({"nodes": nodes, **more}))
        return path

    return write


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`qbdispatch --config …` with these arguments; `status` is the exit code that must come of it."""

    def call(*arguments: str, status: int = 0, **more: Any) -> Result:
        result = CliRunner().invoke(main, ["--config", str(tmp_path / "config.yaml"), *arguments], **more)
        unexpected = result.exception if not isinstance(result.exception, SystemExit) else None
        assert unexpected is None, repr(unexpected)
        assert result.exit_code == status, result.output
        return result

    return call


def document(result: Result) -> Any:
    """What `--json` answered."""
    return json.loads(result.stdout)
