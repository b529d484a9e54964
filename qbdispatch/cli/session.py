"""What every command shares: the configuration and the store, opened when first asked for, and common options."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem
from marshmallow import ValidationError

from qbdispatch.cli.output import show_json
from qbdispatch.config.faults import ConfigError
from qbdispatch.config.fields import Url
from qbdispatch.config.loader import load_settings
from qbdispatch.config.settings import ArrSettings, Settings
from qbdispatch.services import Services, build_services

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass
class Session:
    """One call of the command line. `as_json` is set by the command's own `--json`."""

    config: Path | None = None
    as_json: bool = False
    _opened: list[Services] = field(default_factory=list)

    @cached_property
    def settings(self) -> Settings:
        """Raises `ConfigError`."""
        return load_settings(self.config)

    @cached_property
    def services(self) -> Services:
        """Opens the store; nothing is polled. Raises `ConfigError` and `StoreUnavailable`."""
        found = build_services(self.settings, serves=False)
        self._opened.append(found)
        return found

    def close(self) -> None:
        for one in self._opened:
            one.store.close()

    def node(self, name: str) -> str:
        """The name, if there is such a node; else a usage error that names those there are."""
        names = [node.name for node in self.settings.nodes]
        if name not in names:
            raise click.BadParameter(f"no node is called {name}; there are: {', '.join(names)}")
        return name

    def arr(self, name: str) -> ArrSettings:
        """The *arr instance of that name; else a usage error."""
        found = {one.name: one for one in self.settings.arr_instances}
        if name not in found:
            there = ", ".join(found) or "none; add it to arr_instances"
            raise click.BadParameter(f"no instance is called {name}; there are: {there}")
        return found[name]

    def show(self, document: Any, otherwise: Callable[[], None]) -> None:
        """The document with `--json`, else what the given function shows."""
        if self.as_json:
            show_json(document)
        else:
            otherwise()


pass_session = click.make_pass_decorator(Session)


def json_option(command: Command) -> Command:
    """`--json` for a command."""

    def remember(context: click.Context, _: click.Parameter, value: bool) -> None:
        context.ensure_object(Session).as_json = value

    wrap = click.option(
        "--json", is_flag=True, expose_value=False, callback=remember, is_eager=True, help="Answer in JSON."
    )
    return wrap(command)


class Address(click.ParamType[str]):
    """An http(s) address, held to the same rules as those in the configuration."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return Url().check(value)
        except ValidationError as error:
            self.fail(str(error.messages[0]), param, ctx)


OUR_URL = click.option(
    "--url",
    type=Address(),
    envvar="QBDISPATCH_URL",
    help="Where Sonarr and Radarr reach this dispatcher, like http://qb-dispatcher:8000; else QBDISPATCH_URL.",
)


def complete_node(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Names of nodes, for the shell."""
    return _completed(context, begun, lambda settings: [node.name for node in settings.nodes])


def complete_arr(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Names of *arr instances, for the shell."""
    return _completed(context, begun, lambda settings: [one.name for one in settings.arr_instances])


def _completed(context: click.Context, begun: str, names: Callable[[Settings], list[str]]) -> list[CompletionItem]:
    """Nothing where the configuration cannot be read: a shell that completes has no place for errors."""
    config = context.find_root().params.get("config")
    try:
        settings = load_settings(config)
    except ConfigError:
        return []
    return [CompletionItem(name) for name in names(settings) if name.startswith(begun)]
