"""Commands for those who run the service: `hash-password`, `backup`, `demo`."""

import subprocess
import sys
from pathlib import Path

import click

import qbdispatch
from qbdispatch.cli.session import Session, json_option, pass_session
from qbdispatch.errors import QbdispatchError
from qbdispatch.passwords import hash_password
from qbdispatch.store.backup import backup


class NoDemo(QbdispatchError):
    """The demo is not part of what is installed."""


@click.command("hash-password")
@click.option("--stdin", is_flag=True, help="Read the password from the first line of standard input.")
@json_option
@pass_session
def hash_password_command(session: Session, stdin: bool) -> None:
    """Ask for a password twice and print its hash for auth.password_hash."""
    password = sys.stdin.readline().rstrip("\r\n") if stdin else _asked()
    if not password:
        raise click.UsageError("the password is empty; a door needs a key")
    hashed = hash_password(password)
    session.show({"password_hash": hashed}, lambda: click.echo(hashed))


def _asked() -> str:
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


@click.command("backup")
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace TARGET if it exists.")
@json_option
@pass_session
def backup_command(session: Session, target: Path, force: bool) -> None:
    """Copy the store to the file TARGET, while the service runs.

    It holds sessions and keys: only its owner may read it. To restore it, stop the service and put it in the place of
    the store.
    """
    written = backup(session.settings.database_url, target, replace=force)
    session.show({"target": str(written)}, lambda: click.echo(f"wrote {written}"))


@click.command()
@click.option("--once", is_flag=True, help="End after the three submissions.")
def demo(once: bool) -> None:
    """Start three real nodes behind one dispatcher; needs the repository, root, and a Debian.

    Everything is cleaned up at the end.
    """
    root = Path(qbdispatch.__file__).parents[1]
    if not (root / "demo" / "__main__.py").is_file():
        raise NoDemo("the demo is not part of the installed package; run `make demo` in the repository")
    command = [sys.executable, "-m", "demo", *(["--once"] if once else [])]
    sys.exit(subprocess.call(command, cwd=root))  # noqa: S603 - our own module, no input of anybody in it
