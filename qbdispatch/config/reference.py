"""The table of all settings for docs/configuration.md: `python -m qbdispatch.config.reference docs/configuration.md`
writes it anew between the marks there. A test holds the page to it.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from qbdispatch.config.options import Option, options_of
from qbdispatch.config.schema import Part
from qbdispatch.config.settings import Settings

BEGIN, END = "<!-- settings: made by qbdispatch.config.reference -->\n", "<!-- end of settings -->\n"
_HEAD = "| setting | default | meaning |\n| --- | --- | --- |\n"


def settings_by_path(section: Any = Settings, prefix: str = "") -> Iterator[tuple[str, Option]]:
    """Each setting that holds a value, and each list of sections, in the schema's order."""
    for option in options_of(section):
        path = f"{prefix}{option.key}"
        if not isinstance(option.field, Part):
            yield path, option
            continue
        if option.field.many:
            yield path, option
        yield from settings_by_path(option.field.section, f"{path}{'[]' if option.field.many else ''}.")


def plain(default: Any) -> Any:
    """A default as YAML has it."""
    return list(default) if isinstance(default, tuple) else default


def table() -> str:
    """A row for each setting, with its default and its meaning."""
    rows = (f"| `{path}` | {_shown(option)} | {_meaning(option)} |\n" for path, option in settings_by_path())
    return f"{_HEAD}{''.join(rows)}"


def rewrite(page: str) -> str:
    """The page with the table as it is now. Raises `ValueError` where the page has no marks."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.split(END)[1]}"


def _shown(option: Option) -> str:
    if option.required:
        return "required"
    default = option.default
    text = f"{default:g}" if isinstance(default, float) else yaml.safe_dump(plain(default), default_flow_style=True)
    return f"`{text.removesuffix(chr(10)).removesuffix('...').strip()}`"


def _meaning(option: Option) -> str:
    return f"{option.help} Also `{option.key}_file`." if option.secret else option.help


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(rewrite(target.read_text()))
