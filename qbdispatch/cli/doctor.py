"""`qbdispatch check`: everything that can be found wrong from here, with what to do about it."""

import sys
from collections.abc import Sequence

import click

from qbdispatch.cli.output import show_progress, text
from qbdispatch.cli.session import OUR_URL, Session, json_option, pass_session
from qbdispatch.dispatch.doctor.examine import examine
from qbdispatch.dispatch.doctor.finding import Finding, Severity

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


@click.command()
@json_option
@OUR_URL
@pass_session
def check(session: Session, url: str | None) -> None:
    """Look for faults in the configuration, on every node and in every Sonarr and Radarr.

    With --url also whether Sonarr and Radarr use this dispatcher. Logs in to no node more than once, and to none whose
    last login was refused. Exits with 1 if anything was found.
    """
    services = session.services
    found = examine(services.settings, services.store, services.fleet, url, show_progress)
    if url is None and services.settings.arr_instances and not session.as_json:
        click.echo("Whether Sonarr and Radarr use this dispatcher is not looked at without --url.", err=True)
    session.show({"findings": [finding.document() for finding in found]}, lambda: _show(found))
    sys.exit(1 if found else 0)


def _show(found: Sequence[Finding]) -> None:
    if not found:
        click.echo("All well: nothing was found.")
        return
    for finding in found:
        severity = click.style(finding.severity.value, fg=_COLOURS[finding.severity], bold=True)
        click.echo(f"{severity} {text(finding.about)}: {text(finding.seen)} [{finding.code}]")
        click.echo(f"  -> {text(finding.remedy)}")
    errors = sum(finding.severity is Severity.ERROR for finding in found)
    click.echo(f"\n{errors} errors, {len(found) - errors} warnings")
