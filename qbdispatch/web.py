"""What the blueprints share: one shape for JSON errors, the admin key, who is asking, and from which site."""

import hmac
import ipaddress
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException, Unauthorized

from qbdispatch.dispatch.attempts import Client
from qbdispatch.dispatch.dispatcher import RETRY_AFTER_SECONDS
from qbdispatch.services import services
from qbdispatch.store.engine import StoreUnavailable


def json_error(status_code: int, reason: str, errors: dict[str, list[str]] | None = None) -> Response:
    """`{status, reason, errors}`; `errors` names each field that is at fault."""
    response = jsonify(status="invalid" if status_code < 500 else "failed", reason=reason, errors=errors or {})
    response.status_code = status_code
    if status_code == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def add_json_errors(blueprint: Blueprint) -> None:
    """The table from error to reply for a JSON blueprint."""

    @blueprint.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        return json_error(error.code or 500, error.description or error.name)

    @blueprint.errorhandler(StoreUnavailable)
    def no_store(error: StoreUnavailable) -> Response:
        return json_error(503, str(error))


def refuse_other_sites() -> None:
    """For `before_request`: what a page of another site has a browser send is refused, as qBittorrent does it. Else any
    page that somebody looks at could add and delete torrents, wherever no login is needed. What is no browser names no
    site. A proxy has to pass on `Host`, or to tell it as `X-Forwarded-Host`. Raises `Unauthorized`."""
    page = request.headers.get("Origin") or request.headers.get("Referer")
    if request.method in ("GET", "HEAD", "OPTIONS") or not page:
        return
    host = request.headers.get("X-Forwarded-Host") or request.headers.get("Host", "")
    if _site(page) != _site(f"{page.partition(':')[0]}://{host}"):
        raise Unauthorized("This was sent by a page of another site; if it was not, have your proxy pass on Host.")


def _site(url: str) -> tuple[str | None, int | None] | None:
    """Host and port; `None` for what is no address, which equals nothing."""
    try:
        parts = urlsplit(url)
        return parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None


def require_admin_key(*, bearer: bool = False) -> Response | None:
    """For `before_request`: with `admin_api_key` set, only those who send it in `X-API-Key` get on, or with `bearer`
    in `Authorization`, which is what Prometheus can send."""
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if has_admin_key() or (bearer and is_admin_key(sent)):
        return None
    return json_error(401, "send the admin_api_key of the configuration in the X-API-Key header")


def has_admin_key() -> bool:
    """Whether the request needs no `X-API-Key` or brings the right one."""
    return services().settings.dispatcher.admin_api_key is None or is_admin_key(request.headers.get("X-API-Key", ""))


def is_admin_key(given: str) -> bool:
    """Compared without telling by the time it takes how much was right; `False` where no key is configured."""
    key = services().settings.dispatcher.admin_api_key
    return key is not None and hmac.compare_digest(given.encode(errors="replace"), key.encode())


def client() -> Client:
    """Who is asking, for rate limits: the peer, or whom a proxy on loopback or a private network names last."""
    peer = request.remote_addr or ""
    named = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    try:
        behind_proxy = ipaddress.ip_address(peer).is_private
        return Client(str(ipaddress.ip_address(named)), peer) if behind_proxy and named else Client(peer)
    except ValueError:
        return Client(peer)
