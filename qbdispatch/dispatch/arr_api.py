"""All knowledge of how Sonarr and Radarr are asked over their API v3: addresses, the key, and what their answers mean.

Facts are from their sources, Sonarr @49df353 and Radarr @1b9662d. Both share the code named here:
`ProviderControllerBase` (calls, status codes, what is tested when), `SchemaBuilder` (fields, masks),
`SonarrErrorPipeline` / `RadarrErrorPipeline` (the shape of refusals).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import requests
from urllib3.exceptions import LocationParseError

from qbdispatch.config.settings import ArrSettings
from qbdispatch.errors import QbdispatchError
from qbdispatch.logs import forwarded_headers
from qbdispatch.nodes.bounded import bound
from qbdispatch.nodes.errors import Cause
from qbdispatch.nodes.transport import no_answer

ANSWER_SECONDS = 3.0
LOOK_SECONDS = 20.0
"""Its disks may have to wake up first."""
CHANGE_SECONDS = 60.0
"""Saving and testing make *arr call the download client in turn, for which it allows itself 100 s a call."""


_ADVICE = {
    Cause.REFUSED_CONNECTION: "start it, or correct host and port in its url",
    Cause.NAME_NOT_FOUND: "correct the host name in its url, or the name server",
    Cause.TLS_FAILED: "correct http or https in its url; its certificate must be that of a public authority, else use"
    " its http port",
    Cause.TIMEOUT: "check that its machine is up, that its url is right and that no firewall drops packets",
}
_SEE_LOG = "look into its log, and into those of proxies in between"


class ArrError(QbdispatchError):
    """An instance did not do what was asked: `what` happened, and with what to do about it. `status` is HTTP's, `None`
    where it gave none."""

    def __init__(self, what: str, advice: str = "", status: int | None = None) -> None:
        super().__init__(f"{what}; {advice}" if advice else what)
        self.what = what
        self.advice = advice
        self.status = status


class ArrSilent(ArrError):
    """It does not answer, or only says that it failed, as a proxy does in its place."""


class ArrKeyRefused(ArrError):
    """It does not know our key."""

    def __init__(self, status: int) -> None:
        advice = "copy it from Settings, General there into arr_instances[].api_key"
        super().__init__(f"answered {status}: the api_key is not accepted", advice, status)


class NotArr(ArrError):
    """Something else answers, or another part of it than its API."""

    def __init__(self, status: int | None = None) -> None:
        what = "does not answer as Sonarr or Radarr does" if status is None else f"answered {status}"
        super().__init__(what, "correct its url to that of its API, like http://sonarr:8989/api/v3", status)


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that *arr finds wrong with an entry; `field` is empty for what concerns none."""

    field: str
    message: str
    is_warning: bool

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class ArrInvalid(ArrError):
    """400 with a list of failures (`ValidationFailure`, in JSON `propertyName`, `errorMessage`, `isWarning`)."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        super().__init__("; ".join(map(str, failures)), status=400)
        self.failures = tuple(failures)

    @property
    def is_only_warnings(self) -> bool:
        return all(failure.is_warning for failure in self.failures)


@dataclass(frozen=True, slots=True)
class ArrStatus:
    """What an instance says of itself; `date` is the HTTP header."""

    version: str
    date: str | None


class ArrApi:
    """One instance. Every call is one request; all raise `ArrError`, whose text says what to look at."""

    def __init__(self, instance: ArrSettings) -> None:
        self.instance = instance

    def status(self) -> ArrStatus:
        """Version and clock."""
        response = self._request("GET", "system/status")
        document = _json(response)
        if not isinstance(document, dict) or "version" not in document:
            raise NotArr()
        return ArrStatus(str(document["version"]), response.headers.get("Date"))

    def rows(self, path: str) -> list[dict[str, Any]]:
        """Any collection: `downloadclient`, `downloadclient/schema`, `remotepathmapping`, `rootfolder`, `health`."""
        document = _json(self._request("GET", path))
        if not isinstance(document, list):
            raise NotArr()
        return [row for row in document if isinstance(row, dict)]

    def names_in(self, folder: str) -> set[str]:
        """The files and folders in `folder`, which ends with a slash, as *arr sees its own disk; none where there is
        no such folder, or it may not read it (`FileSystemLookupService.LookupContents`)."""
        query = {"path": folder, "includeFiles": "true"}
        document = _json(self._request("GET", "filesystem", params=query, timeout_seconds=LOOK_SECONDS))
        if not isinstance(document, dict):
            raise NotArr()
        found = [*(document.get("directories") or []), *(document.get("files") or [])]
        return {str(row.get("path")).rstrip("/").rpartition("/")[2] for row in found if isinstance(row, dict)}

    def try_out(self, entry: dict[str, Any]) -> list[Failure]:
        """*arr's own Test of a download client, saved or not; answers its warnings, raises `ArrInvalid` on errors.

        The test counts warnings as failures, so they come as a 400 too (`Test(providerDefinition, true)`).
        """
        try:
            self._request("POST", "downloadclient/test", json=entry, timeout_seconds=CHANGE_SECONDS)
        except ArrInvalid as refusal:
            if refusal.is_only_warnings:
                return list(refusal.failures)
            raise
        return []

    def save(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Create an entry (201), or replace the one with its `id` (202); *arr tests what it creates once more. With
        `forceSave` warnings do not stop it."""
        path = f"downloadclient/{entry['id']}" if entry.get("id") else "downloadclient"
        method = "PUT" if entry.get("id") else "POST"
        query = {"forceSave": "true"}
        saved = _json(self._request(method, path, params=query, json=entry, timeout_seconds=CHANGE_SECONDS))
        return saved if isinstance(saved, dict) else {}

    def delete(self, entry_id: int) -> None:
        """Remove a download client entry."""
        self._request("DELETE", f"downloadclient/{entry_id}")

    def _request(
        self, method: str, path: str, *, timeout_seconds: float = ANSWER_SECONDS, **request: Any
    ) -> requests.Response:
        with requests.Session() as session:
            bound(session)
            try:
                response = session.request(
                    method,
                    f"{self.instance.url}/{path}",
                    headers={"X-Api-Key": self.instance.api_key, **forwarded_headers()},
                    timeout=(ANSWER_SECONDS, timeout_seconds),
                    allow_redirects=False,
                    stream=True,  # `bound` reads it
                    **request,
                )
            except (requests.RequestException, LocationParseError) as error:
                raise _silence(self.instance.url, error) from error
            except ValueError as error:  # a redirect to what is no address
                raise NotArr() from error
        _raise_if_refused(response)
        return response


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise NotArr() from error


def _raise_if_refused(response: requests.Response) -> None:
    status = response.status_code
    if response.ok and status < 300:
        return
    if status == 400 and (failures := _failures(response)):
        raise ArrInvalid(failures)
    if status in (401, 403):
        raise ArrKeyRefused(status)
    if status >= 500:
        raise ArrSilent(f"answered {status}", _SEE_LOG, status)
    raise NotArr(status)


def _failures(response: requests.Response) -> list[Failure]:
    """The list that `SonarrErrorPipeline` writes; of anything else, none."""
    try:
        document = response.json()
    except ValueError:
        return []
    rows = [row for row in document if isinstance(row, dict)] if isinstance(document, list) else []
    return [
        Failure(
            str(row.get("propertyName") or ""),
            str(row.get("errorMessage") or ""),
            bool(row.get("isWarning")) or row.get("severity") == "warning",
        )
        for row in rows
    ]


def _silence(url: str, error: requests.RequestException | LocationParseError) -> ArrError:
    fault = no_answer(url, error)
    if fault.cause in (Cause.NOT_QBITTORRENT, Cause.TOO_LARGE):
        return NotArr()
    return ArrSilent(fault.what, _ADVICE.get(fault.cause, _SEE_LOG))
