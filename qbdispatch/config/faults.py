"""What is wrong with a configuration: every fault with its path, all of them in one error.

Faults are shown to people and written to logs, so no message may hold a value that could be a secret.
"""

import re
from dataclasses import dataclass

from qbdispatch.errors import QbdispatchError

Path = tuple[str | int, ...]
PLAIN_KEY = re.compile(r"[\w-]{0,40}")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to put right: where it stands, and what to do about it."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class ConfigError(QbdispatchError):
    """The configuration cannot be used; `str()` has one line for each fault."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class FaultList:
    """Collects faults, the first for each place: what only follows from it is not worth a line."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._told: set[Path] = set()

    def add(self, place: Path | str, message: str, *, also_explains: Path | None = None) -> None:
        """`place` is the path of a setting, or a text that names a file."""
        path, shown = ((place,), place) if isinstance(place, str) else (place, _shown(place))
        if any(path[:length] in self._told for length in range(1, len(path) + 1)):
            return
        self._faults.append(Fault(shown, message))
        self._told |= {path, also_explains or path}

    def raise_if_any(self) -> None:
        if self._faults:
            raise ConfigError(tuple(self._faults))


def _shown(path: Path) -> str:
    return "".join(f"[{step}]" if _is_index(step) else f".{_shown_key(step)}" for step in path).removeprefix(".")


def _is_index(step: object) -> bool:
    return type(step) is int and 0 <= step < 10_000  # a key may be any number


def _shown_key(key: object) -> str:
    """`password:hunter2`, written without the space, is a key too, and must not be echoed whole."""
    match = PLAIN_KEY.match(key) if isinstance(key, str) else None
    plain = match.group() if match else ""
    return plain if plain and plain == key else f"{plain}…"
