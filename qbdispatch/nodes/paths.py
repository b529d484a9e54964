"""A node's `path_map`: the same folder has one name inside the node and another outside.

`from` is the node's own prefix, `to` the one clients see. Only whole path components match, the longest prefix wins;
Windows paths match with either slash.
"""

from collections.abc import Sequence

from qbdispatch.config.settings import PathRule


def to_node(path: str, rules: Sequence[PathRule]) -> str:
    """The node's name of a path that a client sent; unchanged where no rule covers it."""
    return _replace(path, [(rule.to, rule.from_) for rule in rules])


def to_client(path: str, rules: Sequence[PathRule]) -> str:
    """The clients' name of a path that a node gave; unchanged where no rule covers it."""
    return _replace(path, [(rule.from_, rule.to) for rule in rules])


def is_mapped(path: str, rules: Sequence[PathRule]) -> bool:
    """Whether a path that a client sent lies in a folder that these rules name."""
    return any(_is_within(path, rule.to) for rule in rules)


def folder_key(path: str) -> str:
    """The same for all spellings of one folder: closing slashes, and on Windows case and kind of slash, say nothing."""
    return _slashed(path, path).rstrip("/").lower() if _is_windows(path) else path.rstrip("/")


def _replace(path: str, prefixes: Sequence[tuple[str, str]]) -> str:
    for old, new in sorted(prefixes, key=lambda pair: len(pair[0]), reverse=True):
        if _is_within(path, old):
            rest = _slashed(path[len(old.rstrip("/\\")) :], old)
            return new.rstrip("/\\") + (rest.replace("/", "\\") if _is_windows(new) else rest)
    return path


def _is_within(path: str, folder: str) -> bool:
    stem = folder.rstrip("/\\")
    rest = path[len(stem) :]
    return _slashed(path, folder).startswith(_slashed(stem, folder)) and (not rest or _slashed(rest, folder)[0] == "/")


def _slashed(path: str, prefix: str) -> str:
    """With forward slashes where the prefix is a Windows path; elsewhere a backslash is a letter like any other."""
    return path.replace("\\", "/") if _is_windows(prefix) else path


def _is_windows(path: str) -> bool:
    return "\\" in path or path[1:2] == ":"
