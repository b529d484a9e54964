"""Pages as a browser without script sees them: their text, their forms, and filling those in."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from flask.testing import FlaskClient


@dataclass
class Form:
    """One form: where it goes and what its fields hold."""

    action: str
    method: str
    values: dict[str, Any] = field(default_factory=dict)


class Page(HTMLParser):
    """What a page holds. `elements` has every start tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.forms: list[Form] = []
        self._texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.elements.append((tag, given))
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get")))
        if tag == "input" and self.forms and "name" in given:
            self.forms[-1].values[given["name"]] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        self._texts.append(data)

    @property
    def text(self) -> str:
        """Everything that is read, with single spaces."""
        return " ".join(" ".join(self._texts).split())

    def form(self, end_of_action: str) -> Form:
        """The form that goes to an address with this end."""
        return next(form for form in self.forms if form.action.endswith(end_of_action))

    def of(self, tag: str) -> list[dict[str, str]]:
        """The attributes of each element of this kind."""
        return [attributes for name, attributes in self.elements if name == tag]


def get(client: FlaskClient, path: str = "/", status: int = 200) -> Page:
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (status, "text/html"), answer.text
    return Page(answer.text)


def send(client: FlaskClient, form: Form, status: int = 303, **changes: Any) -> Any:
    """Send a form as the browser would, with these fields filled in."""
    assert form.method == "post"
    files = {name for name, value in form.values.items() if name == "torrent" and not value}
    values = {name: value for name, value in (form.values | changes).items() if name not in files or name in changes}
    answer = client.post(form.action, data=values, content_type="multipart/form-data")
    assert answer.status_code == status, answer.text
    return answer
