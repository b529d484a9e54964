"""Reads the YAML file into a plain tree, and refuses what no honest configuration holds.

Nothing of the file's text is echoed, for it may be a secret: faults name the line.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from qbdispatch.config.faults import FaultList

BIGGEST_FILE = 2**20
MOST_VALUES = 10_000  # with all aliases written out
DEEPEST = 30
STRING_TAG = "tag:yaml.org,2002:str"
UNUSED_TAGS = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"}  # so that a date or `=` stays text
QUOTED = re.compile(r"'[^']{2,}'")


def read_yaml(path: Path, faults: FaultList) -> Any:
    """The mapping in the file; raises ConfigError at once where there is none to go on with."""
    text = _read(path, faults)
    faults.raise_if_any()
    tree = _parsed(text, path, faults)
    if tree is None:
        faults.add(str(path), "is empty; start from config.example.yaml")
    elif not isinstance(tree, dict):
        faults.add(str(path), "must hold lines of `name: value`; start from config.example.yaml")
    if not isinstance(tree, dict):
        faults.raise_if_any()
    return tree


def read_limited(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        return file.read(most + 1)


def _read(path: Path, faults: FaultList) -> str:
    try:
        content = read_limited(path, BIGGEST_FILE)
        if len(content) <= BIGGEST_FILE:
            return content.decode("utf-8-sig")
        problem = "is larger than 1 MiB; this cannot be the configuration"
    except FileNotFoundError:
        problem = "does not exist; make it from config.example.yaml, or name yours in QBDISPATCH_CONFIG"
    except IsADirectoryError:
        problem = "is a directory; Docker makes one where the file it should mount is missing"
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 at byte {error.start}; save it as UTF-8"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}; check its permissions"
    faults.add(str(path), problem)
    return ""


def _parsed(text: str, path: Path, faults: FaultList) -> Any:
    line: int | None
    try:
        line, problem = _hostile(text)
        if not problem:
            return _loaded(text, path, faults)
    except yaml.MarkedYAMLError as error:
        line, problem = _line(error.problem_mark), _said(error.problem or "")
    except yaml.reader.ReaderError as error:
        line, problem = text.count("\n", 0, error.position) + 1, "holds a character that YAML does not allow"
    except ValueError:
        line, problem = None, "holds a number that cannot be read; put it in quotes"
    faults.add(f"{path}, line {line}" if line else str(path), problem)
    faults.raise_if_any()
    return None


def _hostile(text: str) -> tuple[int, str]:
    """Walks the events, which costs no memory, to find tags, wrong aliases, and trees too deep or large."""
    anchored: dict[str, int] = {}
    open_parts: list[tuple[str | None, int]] = []
    values = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = _line(event.start_mark)
        if getattr(event, "tag", None) not in (None, STRING_TAG):
            return line, "begins a value with !, a YAML tag; take it out, or put the value in quotes"
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchored:
                return line, "begins a value with *, an alias of nothing; put the value in quotes"
            values += anchored[event.anchor]
        elif isinstance(event, yaml.CollectionStartEvent):
            open_parts.append((event.anchor, values))
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionEndEvent):
            anchor, before = (event.anchor, values) if isinstance(event, yaml.ScalarEvent) else open_parts.pop()
            values += 1
            if anchor:
                anchored[anchor] = values - before
        if len(open_parts) > DEEPEST or values > MOST_VALUES:
            return line, "makes the configuration too deep or too large; write it out plainly"
    return 1, ""


class _Loader(yaml.SafeLoader):
    """The safe loader, which also notes the keys that are written twice."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.twice: list[tuple[int, int]] = []

    def compose_mapping_node(self, anchor: Any) -> Any:
        node: Any = super().compose_mapping_node(anchor)
        first: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode):
                if key.value in first:
                    self.twice.append((line, first[key.value]))
                first.setdefault(key.value, line)
        return node


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in UNUSED_TAGS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _loaded(text: str, path: Path, faults: FaultList) -> Any:
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
        for line, first in loader.twice:
            faults.add(f"{path}, line {line}", f"sets again what line {first} sets; keep one of them")


def _line(mark: Any) -> int:
    return int(mark.line) + 1 if mark else 1


def _said(problem: str) -> str:
    if r"'\t'" in problem:
        return "begins a value or its indentation with a tab; use blanks"
    return f"is not YAML: {QUOTED.sub('…', problem)}; put values with special characters in quotes"
