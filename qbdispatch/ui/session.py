"""Who may see the dashboard, and that a form was sent from one of its pages.

A session is a signed cookie that any worker can check, as for `/api/v2`. With `dispatcher.admin_api_key` set it is
given to those who know the key, and ends early when the key changes; without one, to everybody, only to tell our own
pages' forms from others'. A script may send the key in `X-API-Key` instead and needs neither cookie nor token.
"""

import hashlib
import secrets

from flask import Response, g, redirect, render_template, request, url_for
from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer
from werkzeug.exceptions import Forbidden

from qbdispatch.dispatch import attempts
from qbdispatch.services import services
from qbdispatch.web import client, has_admin_key, is_admin_key

COOKIE = "qbdispatch"
SESSION_SECONDS = 7 * 24 * 3600
DOOR = "dashboard"
OPEN = frozenset({"ui.static", "ui.login", "ui.show_login", "ui.theme"})


def guard() -> Response | None:
    """For `before_request`: the login form for who is not logged in, 403 for a form that is not ours."""
    g.visitor = _visitor()
    if request.endpoint in OPEN:
        return None
    if g.visitor is None and not has_admin_key():
        return login_page(401)
    if g.visitor is None:
        g.visitor = g.new_visitor = secrets.token_hex(16)
    by_header = bool(request.headers.get("X-API-Key")) and _is_locked()
    if request.method == "POST" and not by_header and not _is_ours(request.form.get("csrf", "")):
        raise Forbidden("This form was not sent from a page of this dashboard, or the page was too old. Try again.")
    return None


def keep_visitor(response: Response) -> Response:
    """For `after_request`: a new visitor of an open dashboard gets a cookie."""
    if getattr(g, "new_visitor", None) and not _is_locked():
        _set_cookie(response, g.new_visitor)
    return response


def form_token() -> str:
    """What our forms carry; nobody else can make it for this visitor."""
    return str(_tokens().dumps(g.visitor)) if getattr(g, "visitor", None) else ""


def login() -> Response:
    """Take the key from the form; ten wrong ones, and the next has to wait."""
    if is_in():
        return _home()
    store, asking = services().store, client()
    if not attempts.may_try(store, DOOR, asking):
        return login_page(429, "Too many wrong keys from your address. Wait a minute, then try again.")
    if not is_admin_key(request.form.get("key", "")):
        return login_page(401, "That is not the key. It is dispatcher.admin_api_key in the configuration.")
    attempts.succeeded(store, DOOR, asking)
    response = _home()
    _set_cookie(response, secrets.token_hex(16))
    return response


def logout() -> Response:
    """Take the cookie back."""
    response = _home()
    response.delete_cookie(COOKIE, path=_path())
    return response


def login_page(status: int, fault: str | None = None) -> Response:
    """The form that asks for the key."""
    return Response(render_template("ui/login.html", fault=fault), status, mimetype="text/html")


def is_in() -> bool:
    """Whether this visitor needs no login, or has one."""
    return bool(g.visitor) or has_admin_key()


def may_log_out() -> bool:
    """Whether there is a login to end."""
    return _is_locked() and bool(getattr(g, "visitor", None))


def _visitor() -> str | None:
    try:
        return str(_sessions().loads(request.cookies.get(COOKIE, ""), max_age=SESSION_SECONDS))
    except BadSignature:
        return None


def _is_locked() -> bool:
    return services().settings.dispatcher.admin_api_key is not None


def _is_ours(token: str) -> bool:
    try:
        return bool(_tokens().loads(token) == g.visitor)
    except BadSignature:
        return False


def _set_cookie(response: Response, visitor: str) -> None:
    response.set_cookie(
        COOKIE,
        _sessions().dumps(visitor),
        max_age=SESSION_SECONDS,
        path=_path(),
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
    )


def _path() -> str:
    return f"{request.script_root}/"


def _home() -> Response:
    response = redirect(url_for("ui.home"), 303)
    assert isinstance(response, Response)
    return response


def _sessions() -> URLSafeTimedSerializer:
    key = services().settings.dispatcher.admin_api_key
    salt = hashlib.sha256(b"dashboard" if key is None else f"dashboard {key}".encode()).digest()
    return URLSafeTimedSerializer(services().cookie_key, salt=salt)


def _tokens() -> URLSafeSerializer:
    return URLSafeSerializer(services().cookie_key, salt=b"form")
