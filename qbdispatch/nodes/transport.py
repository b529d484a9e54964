"""One HTTP exchange with a node: `qbittorrent-api` without its repeats, and its errors in our words.

The library on its own repeats a whole call after a time-out or a 5xx answer, an add included, and logs in again on
every 403. Both are ours to decide: an add must never be sent twice unasked, and bad logins lead to a ban.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from qbittorrentapi import APIError, Client, Forbidden403Error, LoginFailed, Unauthorized401Error
from qbittorrentapi.exceptions import HTTP4XXError, HTTP5XXError
from urllib3.exceptions import LocationParseError, MaxRetryError, NameResolutionError, NewConnectionError

from qbdispatch.config.settings import NodeSettings
from qbdispatch.nodes.errors import (
    NodeAuthFailed,
    NodeError,
    NodeForbidden,
    NodeOutcomeUnknown,
    NodeRefused,
    NodeUnreachable,
)

CONNECT_TIMEOUT_SECONDS = 3.0
_NEVER_CONNECTED = (NewConnectionError, NameResolutionError)


class OneShotClient(Client):
    """A client whose every call is one request."""

    def _auth_request(self, http_method: str, api_namespace: str, api_method: str, **request: Any) -> Any:  # type: ignore[override]
        for unused in ("version_introduced", "version_removed", "_retry_backoff_factor"):
            request.pop(unused, None)
        return self._request(http_method=http_method, api_namespace=api_namespace, api_method=api_method, **request)

    @staticmethod
    def _handle_error_responses(data: Any, params: Any, response: requests.Response) -> None:
        if 300 <= response.status_code < 400:  # qBittorrent never redirects: a proxy did, and nothing was done
            raise APIError("redirected")
        Client._handle_error_responses(data, params, response)

    @property
    def _session(self) -> Any:
        session = super()._session
        session.trust_env = False  # a .netrc entry or a proxy of the host must not get between us and a node
        return session

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
        REQUESTS_ARGS={"timeout": (CONNECT_TIMEOUT_SECONDS, node.timeout_s), "allow_redirects": False},
        HTTPADAPTER_ARGS={"max_retries": 0},
    )


@contextmanager
def in_our_words(node: NodeSettings) -> Iterator[None]:
    """Turn the errors of `requests` and `qbittorrent-api` into ours. Messages name the URL, never a secret."""
    try:
        yield
    except LoginFailed as error:
        raise NodeAuthFailed("refused the user name or password; correct them in the configuration") from error
    except Unauthorized401Error as error:
        raise NodeAuthFailed(
            "answered 401: wrong credentials, or its WebUI does not accept this Host header;"
            " check username and password, and the host header validation in its WebUI options"
        ) from error
    except Forbidden403Error as error:
        raise NodeForbidden(_banned_or_forbidden(error)) from error
    except HTTP4XXError as error:
        brief = _brief(node, error)
        raise NodeRefused(f"answered {error.http_status_code}: {brief}", error.http_status_code, brief) from error
    except HTTP5XXError as error:
        raise NodeOutcomeUnknown(f"answered {_status(error)}") from error
    except requests.RequestException as error:
        raise _connection_error(node, error) from error
    except LocationParseError as error:  # a host name with an empty or overlong part, which `requests` lets through
        raise NodeUnreachable(f"the host name in {node.url} cannot be resolved; check the url") from error
    except (APIError, ValueError) as error:  # ValueError: a redirect to what is no address
        raise NodeOutcomeUnknown(f"{node.url} does not answer as qBittorrent does; is the url right?") from error


def _connection_error(node: NodeSettings, error: requests.RequestException) -> NodeError:
    inner = error.args[0] if error.args else None
    reason = inner.reason if isinstance(inner, MaxRetryError) else inner
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return NodeUnreachable(f"{node.url} did not accept a connection within {CONNECT_TIMEOUT_SECONDS:g} s")
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return NodeUnreachable(f"{node.url}: TLS failed; check the certificate, or set verify_tls: false")
    if isinstance(reason, NameResolutionError):
        return NodeUnreachable(f"the host name in {node.url} cannot be resolved; check the url")
    if isinstance(reason, _NEVER_CONNECTED):
        return NodeUnreachable(f"{node.url} refuses connections; is qBittorrent running, is the port right?")
    if isinstance(error, requests.exceptions.SSLError):  # it may have come after the request was sent
        return NodeOutcomeUnknown(f"{node.url}: TLS failed; does it speak https at all?")
    if isinstance(error, requests.Timeout):
        return NodeOutcomeUnknown(f"{node.url} did not answer in time")
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return NodeOutcomeUnknown(f"{node.url} closed the connection without an answer")
    return NodeOutcomeUnknown(f"{node.url}: {type(error).__name__}")


def _banned_or_forbidden(error: Forbidden403Error) -> str:
    if "ban" in str(error).lower():
        return "has banned this address after too many failed logins; wait an hour or restart the node"
    return "answered 403: the session is not valid"


def _status(error: HTTP5XXError) -> str:
    response = error.response
    return str(response.status_code) if response is not None else "a server error"


def _brief(node: NodeSettings, error: Exception) -> str:
    text = str(error)
    for secret in (node.password, node.api_key):  # an error page may repeat what was sent
        text = text.replace(secret, "***") if secret else text
    text = " ".join(text.split())
    return text[:120] if text and not text.startswith("<") else "no reason given"
