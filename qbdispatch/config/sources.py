"""Where values come from besides the file itself: environment variables and secret files."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marshmallow.fields import List

from qbdispatch.config import faults as at
from qbdispatch.config.faults import FaultList
from qbdispatch.config.options import Option, options_of
from qbdispatch.config.schema import Part
from qbdispatch.config.yaml_file import read_limited

REFERENCE = re.compile(r"(\$?)\$\{([^}]*)(\}?)")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
BIGGEST_SECRET = 2**16


class UnusableSourceError(Exception):
    """A value from outside cannot be used; `str()` is the fault's message."""


def expand(tree: Any, environ: Mapping[str, str], faults: FaultList, path: at.Path = ()) -> Any:
    """The tree with each ${NAME} in its texts replaced; a text that cannot be is left out, with a fault."""
    if isinstance(tree, dict):
        return {key: expand(value, environ, faults, (*path, key)) for key, value in tree.items()}
    if isinstance(tree, list):
        return [expand(value, environ, faults, (*path, index)) for index, value in enumerate(tree)]
    if not isinstance(tree, str):
        return tree
    try:
        return _expanded(tree, environ)
    except UnusableSourceError as problem:
        faults.add(path, str(problem))
        return None


def take_secret_files(section: Any, tree: Any, folder: Path, faults: FaultList, path: at.Path = ()) -> None:
    """Replaces in place each `X_file` of a secret `X` by `X` with the file's content."""
    if isinstance(tree, list):
        for index, item in enumerate(tree):
            take_secret_files(section, item, folder, faults, (*path, index))
    elif isinstance(tree, dict):
        for option in options_of(section):
            if isinstance(option.field, Part):
                inner = tree.get(option.key)
                take_secret_files(option.field.section, inner, folder, faults, (*path, option.key))
            elif option.secret:
                _take(option, tree, folder, faults, path)


def _expanded(text: str, environ: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        escaped, name, end = match.groups()
        if escaped:
            return match.group()[1:]
        if not end or not VARIABLE.fullmatch(name):
            raise UnusableSourceError("has a ${ that does not begin ${NAME}; write $${ for a plain ${")
        if not environ.get(name):  # an empty key or password would open a door that should be locked
            raise UnusableSourceError("names an environment variable that is unset or empty; set it")
        return environ[name]

    return REFERENCE.sub(value, text)


def _take(option: Option, tree: dict[Any, Any], folder: Path, faults: FaultList, path: at.Path) -> None:
    file = tree.pop(f"{option.key}_file", None)
    if file is None:
        return
    place = (*path, f"{option.key}_file")
    if tree.get(option.key) not in (None, ""):
        faults.add(place, f"is given besides {option.key}; keep one of them")
        return
    try:
        content = _content(file, folder)
    except UnusableSourceError as problem:
        faults.add(place, str(problem), also_explains=(*path, option.key))
    else:
        lines = [line.strip() for line in content.splitlines() if line.strip()]
        tree[option.key] = lines if isinstance(option.field, List) else content


def _content(file: Any, folder: Path) -> str:
    if not isinstance(file, str) or not file:
        raise UnusableSourceError("must be the path of a file")
    try:
        content = read_limited(folder / file, BIGGEST_SECRET)
        text = content.decode()
    except OSError as error:
        raise UnusableSourceError(f"cannot be read: {error.strerror}; check the path and its permissions") from None
    except ValueError:
        raise UnusableSourceError("does not name a text file in UTF-8") from None
    if len(content) > BIGGEST_SECRET:
        raise UnusableSourceError("is larger than 64 KiB; this cannot be a secret")
    if not text.strip():
        raise UnusableSourceError("is an empty file; write the secret into it")
    return text.rstrip("\r\n")
