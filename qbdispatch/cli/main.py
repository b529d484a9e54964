"""The group `qbdispatch`: global options, and what becomes of errors.

Exit codes: 0 all well; 1 something was found or did not work; 2 the command was not understood; 3 the configuration
has faults; 4 the store is not available.
"""

import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from qbdispatch import __version__, logs
from qbdispatch.cli.connecting import connect, disconnect
from qbdispatch.cli.decisions import decisions
from qbdispatch.cli.doctor import check
from qbdispatch.cli.fleet import drain, held, nodes, resume, torrents
from qbdispatch.cli.output import show_json
from qbdispatch.cli.session import Session
from qbdispatch.cli.submitting import preview, submit
from qbdispatch.cli.upkeep import backup_command, demo, hash_password_command
from qbdispatch.config.faults import ConfigError
from qbdispatch.errors import QbdispatchError
from qbdispatch.store.engine import StoreUnavailable

FAILED, CONFIG_FAULTY, STORE_UNAVAILABLE = 1, 3, 4


class Commands(click.Group):
    """A group that turns our errors into a sentence and an exit code, in JSON where that was asked for."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            _fail(ctx, CONFIG_FAULTY, "the configuration cannot be used", str(error).splitlines())
        except StoreUnavailable as error:
            _fail(ctx, STORE_UNAVAILABLE, str(error), [])
        except QbdispatchError as error:
            _fail(ctx, FAILED, str(error), [])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--config", type=click.Path(path_type=Path), help="The configuration; else QBDISPATCH_CONFIG.")
@click.option(
    "--log-format",
    type=click.Choice(logs.FORMATS),
    envvar="QBDISPATCH_LOG_FORMAT",
    default="text",
    help="How warnings on standard error look.",
)
@click.version_option(__version__)
@click.pass_context
def main(context: click.Context, config: Path | None, log_format: str) -> None:
    """Look after many qBittorrent nodes behind one address.

    Works on the configuration, the store and the nodes, beside a running service or without one.

    Exit codes: 0 all well, 1 something was found or did not work, 2 usage, 3 faulty configuration, 4 no store.
    """
    if os.environ.get("NO_COLOR"):
        context.color = False
    session = context.obj = Session(config)
    context.call_on_close(session.close)
    logs.configure(log_format)
    logging.getLogger().setLevel(logging.WARNING)  # what a command does is its answer


def run() -> None:
    """The whole process. It ends with its answer, or at Ctrl-C, and not only when each thread that still waits for a
    hung node has given up; what those might do is safe to be cut short at any point."""
    try:
        main(prog_name="qbdispatch")
    except SystemExit as end:
        with suppress(OSError):  # nobody reads any more
            sys.stdout.flush()
        os._exit(end.code if isinstance(end.code, int) else 0)


def _fail(context: click.Context, code: int, reason: str, faults: list[str]) -> NoReturn:
    session = context.find_object(Session)
    if session is not None and session.as_json:
        show_json({"status": "failed", "reason": reason, "faults": faults})
    else:
        click.echo("\n".join([f"qbdispatch: {reason}", *(f"  {fault}" for fault in faults)]), err=True)
    sys.exit(code)


for _command in (
    check,
    nodes,
    torrents,
    held,
    submit,
    preview,
    decisions,
    drain,
    resume,
    connect,
    disconnect,
    hash_password_command,
    backup_command,
    demo,
):
    main.add_command(_command)
