"""Loads a configuration from text, in a folder of its own."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from qbdispatch.config import ConfigError, Settings, load_settings

NODE = "nodes: [{name: box, url: 'http://box:8080'}]\n"


def settings_of(
    text: str | bytes, environ: Mapping[str, str] | None = None, files: Mapping[str, bytes] | None = None
) -> Settings:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (files or {}).items():
            (Path(folder) / name).write_bytes(content)
        file = Path(folder) / "config.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_settings(file, environ or {})


def error_of(
    text: str | bytes, environ: Mapping[str, str] | None = None, files: Mapping[str, bytes] | None = None
) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        settings_of(text, environ, files)
    return caught.value


def faults_of(
    text: str | bytes, environ: Mapping[str, str] | None = None, files: Mapping[str, bytes] | None = None
) -> dict[str, str]:
    """Message by path; the path of a fault of the file itself begins at the file's name."""
    faults = error_of(text, environ, files).faults
    return {fault.path[max(fault.path.find("config.yaml"), 0) :]: fault.message for fault in faults}


def node_with(setting: str) -> str:
    return f"nodes:\n  - name: box\n    url: http://box:8080\n    {setting}\n"
