"""One HTTP exchange with a node: `qbittorrent-api` without its repeats, and its errors in our words.

The library on its own repeats a whole call after a time-out or a 5xx answer, an add included, and logs in again on
every 403. Both are ours to decide: an add must never be sent twice unasked, and bad logins lead to a ban.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from json import JSONDecodeError
from typing import Any

import requests
from qbittorrentapi import APIError, Client, Forbidden403Error, LoginFailed, Unauthorized401Error
from qbittorrentapi.exceptions import HTTP4XXError, HTTP5XXError
from urllib3.exceptions import (
    LocationParseError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

from qbdispatch.config.settings import NodeSettings
from qbdispatch.nodes.bounded import MOST_BYTES, AnswerTooLarge, bound
from qbdispatch.nodes.errors import (
    Cause,
    NodeAuthFailed,
    NodeError,
    NodeForbidden,
    NodeOutcomeUnknown,
    NodeRefused,
    NodeUnreachable,
)

CONNECT_TIMEOUT_SECONDS = 3.0
_LINK = re.compile(r"(magnet|https?)(:|%3a)\S+", re.IGNORECASE)
_NEVER_CONNECTED = (NewConnectionError, NameResolutionError)


class OneShotClient(Client):
    """A client whose every call is one request. `clock_ahead_seconds`: by how much the node's clock was ahead of ours
    at its last answer, `None` where it did not tell."""

    clock_ahead_seconds: float | None = None

    def _auth_request(self, http_method: str, api_namespace: str, api_method: str, **request: Any) -> Any:  # type: ignore[override]
        for unused in ("version_introduced", "version_removed", "_retry_backoff_factor"):
            request.pop(unused, None)
        return self._request(http_method=http_method, api_namespace=api_namespace, api_method=api_method, **request)

    @staticmethod
    def _handle_error_responses(data: Any, params: Any, response: requests.Response) -> None:
        if 300 <= response.status_code < 400:  # qBittorrent never redirects: a proxy did, and nothing was done
            raise APIError("redirected")
        if response.status_code < 300 and _is_page(response):  # no call of its API is answered with one
            raise APIError("a page for people")
        Client._handle_error_responses(data, params, response)

    @property
    def _session(self) -> Any:
        is_new = self._http_session is None
        session = super()._session
        if is_new:
            bound(session)
        return session

    def _cast(self, response: requests.Response, *args: Any, **kwargs: Any) -> Any:
        self.clock_ahead_seconds = _clock_ahead(response)
        return super()._cast(response, *args, **kwargs)

    @property
    def cookies(self) -> requests.cookies.RequestsCookieJar:
        """What the node has set in this client's exchanges so far."""
        return self._session.cookies  # type: ignore[no-any-return]

    def close(self) -> None:
        """End its connection now; the library leaves that to the garbage collector."""
        self._trigger_session_initialization()

    def send(self, method: str, endpoint: str, fields: dict[str, str], **kwargs: Any) -> requests.Response:
        """One call of any endpoint, `torrents/stop` say; the answer as it came."""
        namespace, _, name = endpoint.partition("/")
        names: dict[str, Any] = {"_name": namespace, "_method": name, "response_class": requests.Response}
        if method == "POST":
            response = self._post(**names, data=fields, **kwargs)
        else:
            response = self._get(**names, params=fields, **kwargs)
        assert isinstance(response, requests.Response)
        return response

    def add(self, fields: dict[str, str], file: tuple[str, bytes] | None, **kwargs: Any) -> requests.Response:
        """POST torrents/add with these form fields; the answer is left to the caller, as it differs by version."""
        files = {"torrents": file} if file else None
        response = self._post(
            _name="torrents",
            _method="add",
            data=fields,
            files=files,
            response_class=requests.Response,
            **kwargs,
        )
        assert isinstance(response, requests.Response)
        return response


def new_client(node: NodeSettings) -> OneShotClient:
    """A client for one thread at a time; makes no request yet."""
    return OneShotClient(
        host=node.url,
        username=node.username,
        password=node.password,
        api_key=node.api_key or "",
        FORCE_SCHEME_FROM_HOST=True,  # no HEAD request to find out what the configuration says already
        VERIFY_WEBUI_CERTIFICATE=node.verify_tls,
        SIMPLE_RESPONSES=True,
        REQUESTS_ARGS={
            "timeout": (CONNECT_TIMEOUT_SECONDS, node.timeout_s),
            "allow_redirects": False,
            "stream": True,  # the session reads the answer, within limits
        },
    )


@contextmanager
def in_our_words(node: NodeSettings) -> Iterator[None]:
    """Turn the errors of `requests` and `qbittorrent-api` into ours. Messages name the URL, never a secret."""
    try:
        yield
    except LoginFailed as error:
        raise NodeAuthFailed("refused the user name or password") from error
    except Unauthorized401Error as error:
        raise NodeAuthFailed(
            "answered 401: wrong credentials, or its WebUI does not accept this Host header (see the host header"
            " validation in its WebUI options)"
        ) from error
    except Forbidden403Error as error:
        raise _banned_or_forbidden(error) from error
    except HTTP4XXError as error:
        brief = _brief(node, error)
        what = f"answered {error.http_status_code}: {_LINK.sub('***', brief)}"  # may be logged: links hold passkeys
        raise NodeRefused(what, error.http_status_code, brief) from error
    except HTTP5XXError as error:
        raise NodeOutcomeUnknown(f"answered {_status(error)}", Cause.SERVER_ERROR) from error
    except (requests.RequestException, LocationParseError) as error:
        raise no_answer(node.url, error) from error
    except (APIError, ValueError) as error:  # ValueError: a redirect to what is no address
        raise _not_an_answer(node, error) from error


def no_answer(url: str, error: requests.RequestException | LocationParseError) -> NodeError:
    """What kept the answer of a server at this address away, be it a node or not."""
    if isinstance(error, LocationParseError):  # a host name with an empty or overlong part, let through by `requests`
        return NodeUnreachable(f"the host name in {url} cannot be resolved", Cause.NAME_NOT_FOUND)
    inner = error.args[0] if error.args else None
    reason = inner.reason if isinstance(inner, MaxRetryError) else inner
    if isinstance(error, requests.exceptions.ConnectTimeout):
        what = f"{url} did not accept a connection within {CONNECT_TIMEOUT_SECONDS:g} s"
        return NodeUnreachable(what, Cause.TIMEOUT)
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return NodeUnreachable(f"{url}: its certificate is not to be trusted", Cause.TLS_FAILED)
    if isinstance(reason, NameResolutionError):
        return NodeUnreachable(f"the host name in {url} cannot be resolved", Cause.NAME_NOT_FOUND)
    if isinstance(reason, _NEVER_CONNECTED):
        return NodeUnreachable(f"{url} refuses connections", Cause.REFUSED_CONNECTION)
    what, cause = _unfinished(error, inner)
    return NodeOutcomeUnknown(f"{url} {what}", cause)


def _unfinished(error: requests.RequestException, inner: object) -> tuple[str, Cause]:
    """What went wrong after the request may have been sent."""
    if isinstance(error, AnswerTooLarge):
        return f"answered with more than {MOST_BYTES // 2**20} MiB", Cause.TOO_LARGE
    if isinstance(error, requests.exceptions.SSLError):
        return "failed at TLS", Cause.TLS_FAILED
    if isinstance(error, requests.Timeout) or isinstance(inner, ReadTimeoutError):
        return "did not answer in time", Cause.TIMEOUT
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "closed the connection in the middle of its answer", Cause.TRUNCATED
    if isinstance(error, requests.ConnectionError):
        return "closed the connection without an answer", Cause.DROPPED
    return f"does not answer as qBittorrent does ({type(error).__name__})", Cause.NOT_QBITTORRENT


def _not_an_answer(node: NodeSettings, error: Exception) -> NodeOutcomeUnknown:
    inner = error.__context__
    if isinstance(inner, JSONDecodeError) and inner.doc.lstrip()[:1] in ("{", "["):
        return NodeOutcomeUnknown(f"{node.url} answered with the beginning of something longer", Cause.TRUNCATED)
    return NodeOutcomeUnknown(f"{node.url} does not answer as qBittorrent does", Cause.NOT_QBITTORRENT)


def _is_page(response: requests.Response) -> bool:
    kind = response.headers.get("Content-Type", "").lower()
    return kind.startswith("text/html") or response.content[:512].lstrip()[:1] == b"<"


def _clock_ahead(response: requests.Response) -> float | None:
    try:
        return parsedate_to_datetime(response.headers["Date"]).timestamp() - time.time()
    except (KeyError, ValueError, OverflowError):
        return None


def _banned_or_forbidden(error: Forbidden403Error) -> NodeForbidden:
    if "ban" in str(error).lower():
        return NodeForbidden("has banned this address after too many failed logins", Cause.BANNED)
    return NodeForbidden("answered 403: the session is not valid")


def _status(error: HTTP5XXError) -> str:
    response = error.response
    return str(response.status_code) if response is not None else "a server error"


def _brief(node: NodeSettings, error: Exception) -> str:
    text = str(error)
    for secret in (node.password, node.api_key):  # an error page may repeat what was sent
        text = text.replace(secret, "***") if secret else text
    text = " ".join(text.split())
    return text[:120] if text and not text.startswith("<") else "no reason given"
