"""`qbdispatch connect` and `disconnect`: the download client entry in Sonarr or Radarr, made and taken back."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import click

from qbdispatch.cli.output import show_progress, show_table
from qbdispatch.cli.session import OUR_URL, Session, complete_arr, json_option, pass_session
from qbdispatch.config.settings import AuthSettings
from qbdispatch.dispatch.arr_api import ArrApi, ArrError, ArrInvalid
from qbdispatch.dispatch.connecting import ENTRY_NAME, Plan, Target, Unconnectable, carry_out, plan
from qbdispatch.dispatch.connecting import disconnect as take_back
from qbdispatch.passwords import PasswordCheck

_INSTANCE = click.argument("name", shell_complete=complete_arr)
_ENTRY = click.option("--entry", default=ENTRY_NAME, show_default=True, help="Name of the download client there.")
_YES = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


@click.command()
@_INSTANCE
@OUR_URL
@click.option("--category", help="Category of its torrents; unset, what is there stays.")
@click.option("--password-stdin", is_flag=True, help="With auth.password_hash: read the password from standard input.")
@_ENTRY
@_YES
@json_option
@pass_session
def connect(
    session: Session, name: str, url: str | None, category: str | None, password_stdin: bool, entry: str, yes: bool
) -> None:
    """Make this dispatcher a download client of NAME, one of arr_instances.

    Shows what will change, asks, has NAME test it, and saves it only if the test goes well. Other entries are never
    touched. Doing it again changes nothing.
    """
    if url is None:
        raise click.UsageError("give --url, the address at which it reaches this dispatcher, or set QBDISPATCH_URL")
    api = ArrApi(session.arr(name))
    show_progress(f"asking {name}")
    target = _target(session.settings.auth, url, category, password_stdin=password_stdin)
    with _said_by(name):
        made = plan(api, target, entry)
    document = {
        "name": name,
        "entry": entry,
        "is_new": made.is_new,
        "changes": [asdict(change) for change in made.changes],
        "neighbours": list(made.neighbours),
    }
    if not made.changes and not made.is_new:
        session.show({**document, "status": "unchanged"}, lambda: click.echo(f"{name}: {entry} is as it should be"))
        return
    if not session.as_json:
        _show_plan(name, entry, made)
    _confirm(session, f"Save this in {name}?", yes=yes)
    show_progress(f"{name} tests it")
    with _said_by(name):
        warnings = [str(failure) for failure in carry_out(api, made)]
    session.show({**document, "status": "saved", "warnings": warnings}, lambda: _show_saved(name, entry, warnings))


@click.command()
@_INSTANCE
@_ENTRY
@_YES
@json_option
@pass_session
def disconnect(session: Session, name: str, entry: str, yes: bool) -> None:
    """Remove the download client that `connect` made in NAME; torrents stay where they are."""
    api = ArrApi(session.arr(name))
    _confirm(session, f"Remove the download client {entry} from {name}?", yes=yes)
    with _said_by(name):
        removed = take_back(api, entry)
    said = f"removed {entry} from {name}" if removed else f"{name} has no download client {entry}: nothing to do"
    session.show({"name": name, "entry": entry, "removed": removed}, lambda: click.echo(said))


@contextmanager
def _said_by(name: str) -> Iterator[None]:
    """Errors name the instance."""
    try:
        yield
    except ArrInvalid as error:
        raise Unconnectable(f"{name} refuses it, and nothing was changed: {error}") from error
    except (ArrError, Unconnectable) as error:
        raise Unconnectable(f"{name}: {error}") from error


def _target(auth: AuthSettings, url: str, category: str | None, *, password_stdin: bool) -> Target:
    """With the credentials of the configuration; a password that is only known by its hash is asked for."""
    if auth.username is None:
        return Target(url, api_key=auth.api_keys[0] if auth.api_keys else "", category=category)
    password = auth.password
    if auth.password_hash is not None:
        password = sys.stdin.readline().rstrip("\r\n") if password_stdin else _asked()
        if not PasswordCheck().matches(password, auth.password_hash):
            raise Unconnectable("this is not the password of auth.password_hash; nothing was changed")
    return Target(url, auth.username, password or "", category=category)


def _asked() -> str:
    return str(click.prompt("Password of auth.username", hide_input=True, err=True))


def _confirm(session: Session, question: str, *, yes: bool) -> None:
    if yes:
        return
    if session.as_json or not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here; add --yes")
    click.confirm(question, abort=True)


def _show_plan(name: str, entry: str, made: Plan) -> None:
    click.echo(f"{name}: {'new download client' if made.is_new else 'changes to'} {entry}")
    show_table(["field", "now", "will be"], [[change.field, change.before, change.after] for change in made.changes])
    for neighbour in made.neighbours:
        click.echo(
            f"{name} has {neighbour} for this address already and would list every torrent twice: disable that one, or"
            f' update it in place of a new one with --entry "{neighbour}"',
            err=True,
        )


def _show_saved(name: str, entry: str, warnings: list[str]) -> None:
    click.echo(f"{name} tested and saved {entry}")
    for one in warnings:
        click.echo(f"{name} warns: {one}")
