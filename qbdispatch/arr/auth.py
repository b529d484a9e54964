"""`auth/*` and the session check: who may use `/api/v2`.

A session is a signed cookie that any worker can check, so it needs no shared memory. It holds for a day and ends
early when the configured credentials change, as they are part of what is signed. Without configured credentials
every login and every call is accepted; the cookie is set all the same, since some clients insist on one.
"""

import hashlib
import hmac
import secrets

from flask import Response, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from qbdispatch.arr.reply import text
from qbdispatch.config.settings import AuthSettings
from qbdispatch.dispatch import attempts
from qbdispatch.services import Services, services
from qbdispatch.web import client

COOKIE = "SID"
SESSION_SECONDS = 24 * 3600
DOOR = "api"
BANNED = "Your IP address has been banned after too many failed authentication attempts."
"""qBittorrent's own words; ours ends by itself, see `dispatch.attempts`."""


def login() -> Response:
    """`Ok.` and a cookie, or `Fails.`, both with status 200 as in qBittorrent up to 5.1; 403 for too many failures."""
    found = services()
    limited, asking = _is_configured(found.settings.auth), client()
    if limited and not attempts.may_try(found.store, DOOR, asking):
        return text(BANNED, 403)
    if not _right(found, request.form.get("username", ""), request.form.get("password", "")):
        return text("Fails.")
    if limited:
        attempts.succeeded(found.store, DOOR, asking)
    response = text("Ok.")
    session = _serializer(found).dumps(secrets.token_hex(8))
    response.set_cookie(COOKIE, session, httponly=True, path="/", samesite="Strict")
    return response


def logout() -> Response:
    """Take the cookie back. The signature stays valid until its day is over, as no worker keeps a list of sessions."""
    response = text("")
    response.delete_cookie(COOKIE, path="/")
    return response


def require_session() -> Response | None:
    """For `before_request`: 403 for a call without a valid session or API key."""
    found = services()
    if not _is_configured(found.settings.auth) or request.path.endswith("/auth/login"):
        return None
    if _has_session(found) or _has_api_key(found.settings.auth):
        return None
    return text("Forbidden", 403)


def _is_configured(auth: AuthSettings) -> bool:
    return auth.username is not None or bool(auth.api_keys)


def _right(found: Services, username: str, password: str) -> bool:
    auth = found.settings.auth
    if not _is_configured(auth):
        return True
    if auth.username is None:
        return False
    if auth.password_hash is not None:
        return found.passwords.matches(password, auth.password_hash) & _same(username, auth.username)
    return _same(username, auth.username) & _same(password, auth.password or "")


def _has_session(found: Services) -> bool:
    try:
        _serializer(found).loads(request.cookies.get(COOKIE, ""), max_age=SESSION_SECONDS)
    except BadSignature:
        return False
    return True


def _has_api_key(auth: AuthSettings) -> bool:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    matches = [_same(key.strip(), known) for known in auth.api_keys]  # compared with all, to tell nothing by time
    return scheme.lower() == "bearer" and any(matches)


def _serializer(found: Services) -> URLSafeTimedSerializer:
    auth = found.settings.auth
    credentials = f"{auth.username}\0{auth.password}\0{auth.password_hash or ''}".encode()
    return URLSafeTimedSerializer(found.cookie_key, salt=hashlib.sha256(credentials).digest())


def _same(given: str, expected: str) -> bool:
    """Compare without telling by the time it takes how much was right."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
