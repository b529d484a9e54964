"""From a file and an environment to `Settings`, or to one ConfigError that names every fault."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from qbdispatch.config.faults import ConfigError, FaultList
from qbdispatch.config.schema import load
from qbdispatch.config.settings import Settings
from qbdispatch.config.sources import expand, take_secret_files
from qbdispatch.config.yaml_file import read_yaml

__all__ = ["ConfigError", "load_settings"]

SQLITE = "sqlite:///"


def load_settings(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Reads `path`, else the file QBDISPATCH_CONFIG names, else config.yaml in the working directory."""
    path = path or Path(environ.get("QBDISPATCH_CONFIG") or "config.yaml")
    faults = FaultList()
    tree = expand(read_yaml(path, faults), environ, faults)
    take_secret_files(Settings, tree, path.parent, faults)
    settings: Settings = load(Settings, tree, faults)
    faults.raise_if_any()
    if not settings.database_url.startswith(SQLITE):
        return settings
    data = environ.get("QBDISPATCH_DATA")
    folder = Path(data) if data and tree.get("database_url") is None else path.parent
    file = folder.absolute() / settings.database_url.removeprefix(SQLITE)
    return replace(settings, database_url=f"{SQLITE}{file}")
