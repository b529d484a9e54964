"""The configuration that a service runs with: the last one that was found to be without faults.

gunicorn's master accepts it before it forks, and its workers inherit it. None of them looks at the file again, so
all run with the same one, and a worker that has to be started anew after a faulty edit comes up all the same.
"""

from qbdispatch.config.settings import Settings

_accepted: list[Settings] = []


def accept(settings: Settings) -> None:
    """From now on this is the configuration for all processes that are forked from this one."""
    _accepted[:] = [settings]


def accepted() -> Settings | None:
    """What was accepted last; `None` in a process that no such master has made."""
    return _accepted[0] if _accepted else None
