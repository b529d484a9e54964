"""A node's `path_map`: the same folder has one name inside the node and another outside.

`from` is the node's own prefix, `to` the one clients see. Only whole path components match, the longest prefix wins;
Windows paths match with either slash.
"""

from collections.abc import Sequence

from qbdispatch.config.settings import PathRule


def to_node(path: str, rules: Sequence[PathRule]) -> str:
    """The node's name of a path that a client sent; unchanged where no rule covers it."""
    return _replace(path, [(rule.to, rule.from_) for rule in rules])


def _replace(path: str, prefixes: Sequence[tuple[str, str]]) -> str:
    for old, new in sorted(prefixes, key=lambda pair: len(pair[0]), reverse=True):
        stem = old.rstrip("/\\")
        rest = path[len(stem) :]
        if path.replace("\\", "/").startswith(stem.replace("\\", "/")) and (not rest or rest[0] in "/\\"):
            separator = "\\" if "\\" in new else "/"
            return new.rstrip("/\\") + rest.replace("\\", "/").replace("/", separator)
    return path
