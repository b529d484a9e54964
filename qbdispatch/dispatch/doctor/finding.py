"""What the doctor finds, as data: the one shape that the terminal and `--json` show."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class Severity(StrEnum):
    """An error keeps something from working; a warning may, or makes it work badly."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. `code` is stable; `seen` is what was observed, `remedy` what to do next. None holds a secret."""

    severity: Severity
    code: str
    about: str
    seen: str
    remedy: str

    def document(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items()}


def error(code: str, about: str, seen: str, remedy: str) -> Finding:
    return Finding(Severity.ERROR, code, about, seen, remedy)


def warning(code: str, about: str, seen: str, remedy: str) -> Finding:
    return Finding(Severity.WARNING, code, about, seen, remedy)


CLOCK_SKEW_SECONDS = 60.0


def clock_finding(about: str, ahead_seconds: float | None) -> list[Finding]:
    """A clock that is more than a minute off ours; none where the other end does not tell the time."""
    if ahead_seconds is None or abs(ahead_seconds) <= CLOCK_SKEW_SECONDS:
        return []
    way = "ahead of" if ahead_seconds > 0 else "behind"
    seen = f"its clock is {abs(ahead_seconds):.0f} s {way} this machine's"
    remedy = (
        "set both clocks by NTP: seeding limits by inactivity compare the times of one with the clock of the other,"
        " and sessions may end early"
    )
    return [warning("clock_skew", about, seen, remedy)]
