"""The dashboard: pages for people, drawn on the server; what a script adds is only that they stay fresh by themselves.

    /                              what is wrong, the nodes, the latest decisions
    /dashboard/decisions/ID        why a torrent went where it went
    /dashboard/nodes/NAME          a node's free space over a day and a week
    /dashboard/torrents            search over all torrents
    /dashboard/preview             where would it go?
    /dashboard/arr                 Sonarr and Radarr, asked live

Pages are made from the store alone, so no hung node holds them up; `/dashboard/arr` asks, under a deadline.
Forms: POST, then a redirect. Guard and tokens are `ui.session`'s.
"""

from flask import Blueprint, Response, redirect, render_template, request, url_for
from marshmallow import ValidationError
from werkzeug.exceptions import Conflict, HTTPException, NotFound

from qbdispatch.dispatch import draining
from qbdispatch.dispatch.held_actions import NotWhileHeld
from qbdispatch.dispatch.holding import held_documents
from qbdispatch.dispatch.sending import targets_of, test_targets
from qbdispatch.dispatch.survey import survey_arr
from qbdispatch.services import services
from qbdispatch.store import decisions
from qbdispatch.store.engine import StoreUnavailable
from qbdispatch.torrents.source import InfoHashes
from qbdispatch.ui import charts, explain, nodepage, search, session, trial, words
from qbdispatch.ui.alarms import alarms
from qbdispatch.ui.cards import panorama
from qbdispatch.ui.headers import protect

LATEST = 12
THEMES = ("light", "dark")
YEAR_SECONDS = 365 * 24 * 3600
ui = Blueprint("ui", __name__, template_folder="templates", static_folder="static", static_url_path="/static")
ui.before_request(session.guard)
ui.after_request(session.keep_visitor)
ui.after_request(protect)


@ui.context_processor
def helpers() -> dict[str, object]:
    """What every template may use."""
    theme = request.cookies.get("theme")
    return {
        "words": words,
        "charts": charts,
        "csrf": session.form_token,
        "may_log_out": session.may_log_out,
        "theme": theme if theme in THEMES else None,
    }


@ui.get("/")
def home() -> Response:
    """The dashboard; 304 for a script that has this very page already."""
    found = services()
    view = panorama(found)
    with found.store.read() as connection:
        newest = decisions.newest(connection, LATEST)
        waiting = held_documents(connection, view.now)
    page = render_template(
        "ui/home.html",
        view=view,
        alarms=alarms(view, found.settings, len(waiting)),
        held=waiting,
        decisions=[explain.explain(document) for document in newest],
        arr=[{"name": one.name, "type": one.type, "url": one.url} for one in found.settings.arr_instances],
        targets=[target.name for target in targets_of(found.settings.notifications)],
        trial=trial.Trial(),
        categories=_categories(),
        faults={},
    )
    response = Response(page, mimetype="text/html")
    response.add_etag(weak=True)
    response.make_conditional(request)
    return response


@ui.get("/dashboard/nodes/<name>")
def node(name: str) -> str:
    """One node in detail."""
    card, histories = nodepage.look_at(services(), _known(name))
    return render_template("ui/node.html", card=card, histories=histories)


@ui.post("/dashboard/nodes/<name>/drain")
def drain(name: str) -> Response:
    """Place no new torrents there."""
    draining.drain(services().store, _known(name))
    return _to(url_for("ui.home", _anchor=f"node-{name}"))


@ui.post("/dashboard/nodes/<name>/resume")
def resume(name: str) -> Response:
    """Place torrents there again."""
    draining.resume(services().store, services().fleet, _known(name))
    return _to(url_for("ui.home", _anchor=f"node-{name}"))


@ui.post("/dashboard/held/<hash_>/delete")
def delete_held(hash_: str) -> Response:
    """Wait no longer for this one."""
    try:
        services().actions.held.delete_one(InfoHashes.read(hash_))
    except ValueError as error:
        raise NotFound("There is no such torrent.") from error
    except NotWhileHeld as error:
        raise Conflict(str(error)) from error
    return _to(url_for("ui.home", _anchor="held"))


@ui.post("/dashboard/held/<hash_>/release")
def release_held(hash_: str) -> Response:
    """Try it again at once."""
    try:
        services().dispatcher.try_now(InfoHashes.read(hash_))
    except ValueError as error:
        raise NotFound("There is no such torrent.") from error
    return _to(url_for("ui.home", _anchor="held"))


@ui.get("/dashboard/decisions/<decision_id>")
def decision(decision_id: str) -> str:
    """Why."""
    with services().store.read() as connection:
        document = decisions.get(connection, decision_id)
    if document is None:
        raise NotFound("There is no such decision; it may have been dropped for its age.")
    return render_template("ui/decision.html", decision=explain.explain(document))


@ui.get("/dashboard/torrents")
def torrents() -> str:
    """Search over all torrents of all nodes."""
    text, page = request.args.get("q", ""), request.args.get("page", "1")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1
    found = search.search(services().library.shelf().by_key.values(), text, number)
    return render_template("ui/torrents.html", text=text, found=found)


@ui.get("/dashboard/preview")
def show_preview() -> str:
    """The empty form."""
    return _preview_page(trial.Trial(), {})


@ui.post("/dashboard/preview")
def preview() -> str | tuple[str, int]:
    """Where it would go; nothing is claimed or sent."""
    filled = trial.read_form()
    try:
        submission = trial.submission_of(filled, services().settings.fetch)
    except ValidationError as error:
        return _preview_page(filled, trial.faults_of(error)), 422
    result = services().dispatcher.preview(submission)
    explanation = trial.explain_result(result, submission)
    return _preview_page(filled, {}, explanation)


@ui.post("/dashboard/submit")
def submit() -> Response | tuple[str, int]:
    """Place it, and show the decision."""
    filled = trial.read_form()
    try:
        submission = trial.submission_of(filled, services().settings.fetch)
    except ValidationError as error:
        return _preview_page(filled, trial.faults_of(error)), 422
    result = services().dispatcher.submit(submission)
    if result.decision_id:
        return _to(url_for("ui.decision", decision_id=result.decision_id))
    if result.is_taken:
        return _to(url_for("ui.torrents", q=result.hash))
    return _preview_page(filled, {"link": result.reason}), 503


@ui.get("/dashboard/arr")
def arr() -> str:
    """Sonarr and Radarr, asked now."""
    return render_template("ui/arr.html", arr=survey_arr(services().settings.arr_instances))


@ui.post("/dashboard/notices/test")
def test_notices() -> str:
    """Send a word to each target, and say which took it."""
    return render_template("ui/notices.html", outcomes=test_targets(services().settings.notifications))


@ui.get("/dashboard/login")
def show_login() -> Response:
    """The form, for who is not in."""
    return _to(url_for("ui.home")) if session.is_in() else session.login_page(401)


@ui.post("/dashboard/login")
def login() -> Response:
    """Key in, cookie out."""
    return session.login()


@ui.post("/dashboard/logout")
def logout() -> Response:
    """Cookie back."""
    return session.logout()


@ui.post("/dashboard/theme")
def theme() -> Response:
    """Light or dark, for who has no script."""
    response = _to(url_for("ui.home"))
    wanted = request.form.get("theme")
    if wanted in THEMES:
        response.set_cookie("theme", wanted, max_age=YEAR_SECONDS, path=f"{request.script_root}/", samesite="Lax")
    return response


@ui.errorhandler(HTTPException)
def refused(error: HTTPException) -> tuple[str, int]:
    """A page that says what is wrong."""
    return render_template("ui/error.html", title=error.name, detail=error.description), error.code or 500


@ui.errorhandler(StoreUnavailable)
def no_store(error: StoreUnavailable) -> tuple[str, int]:
    """The same, where there is nothing to show; the script tries again by itself."""
    return render_template("ui/error.html", title="The store does not answer", detail=str(error)), 503


def _preview_page(filled: trial.Trial, faults: dict[str, str], explanation: explain.Explanation | None = None) -> str:
    return render_template(
        "ui/preview.html", trial=filled, faults=faults, explanation=explanation, categories=_categories()
    )


def _categories() -> list[str]:
    """Those that torrents have now, to choose from."""
    return sorted({entry.category for entry in services().library.shelf().by_key.values()} - {""})


def _known(name: str) -> str:
    if name not in services().fleet.members:
        raise NotFound("There is no such node in the configuration.")
    return name


def _to(address: str) -> Response:
    response = redirect(address, 303)
    assert isinstance(response, Response)
    return response
