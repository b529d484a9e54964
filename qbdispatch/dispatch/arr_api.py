"""All knowledge of how Sonarr and Radarr are asked over their API v3: addresses, the key, and what their answers mean.

Facts are from their sources, Sonarr @49df353 and Radarr @1b9662d. Both share the code named here:
`ProviderControllerBase` (calls, status codes, what is tested when), `SchemaBuilder` (fields, masks),
`SonarrErrorPipeline` / `RadarrErrorPipeline` (the shape of refusals).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import requests

from qbdispatch.config.settings import ArrSettings
from qbdispatch.errors import QbdispatchError
from qbdispatch.logs import forwarded_headers
from qbdispatch.nodes.bounded import bound

ANSWER_SECONDS = 3.0
CHANGE_SECONDS = 60.0
"""Saving and testing make *arr call the download client in turn, for which it allows itself 100 s a call."""


class ArrError(QbdispatchError):
    """An instance did not do what was asked. `status` is HTTP's, `None` where it gave none."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


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
        super().__init__("; ".join(map(str, failures)), 400)
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
            raise ArrError(_NOT_ARR)
        return ArrStatus(str(document["version"]), response.headers.get("Date"))

    def rows(self, path: str, **query: str) -> list[dict[str, Any]]:
        """Any collection: `downloadclient`, `downloadclient/schema`, `remotepathmapping`, `rootfolder`, `health`."""
        document = _json(self._request("GET", path, params=query))
        if not isinstance(document, list):
            raise ArrError(_NOT_ARR)
        return [row for row in document if isinstance(row, dict)]

    def folders(self, parent: str) -> list[str]:
        """The folders in `parent`, which ends with a separator, as *arr sees its own disk; none where there is no
        such folder (`FileSystemLookupService.LookupContents`)."""
        document = _json(self._request("GET", "filesystem", params={"path": parent}))
        found = document.get("directories") if isinstance(document, dict) else None
        return [str(row.get("path", "")) for row in found or [] if isinstance(row, dict)]

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
            except requests.RequestException as error:
                raise ArrError(_silence(error, timeout_seconds)) from error
        _raise_if_refused(response)
        return response


_NOT_ARR = "does not answer as Sonarr or Radarr does; does the url end in /api/v3?"


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise ArrError(_NOT_ARR) from error


def _raise_if_refused(response: requests.Response) -> None:
    status = response.status_code
    if response.ok and status < 300:
        return
    if status == 400 and (failures := _failures(response)):
        raise ArrInvalid(failures)
    if status in (401, 403):
        key = f"answered {status}: the api_key is not accepted; copy it from Settings, General"
        raise ArrError(key, status)
    if 300 <= status < 400:
        raise ArrError(_NOT_ARR, status)
    raise ArrError(f"answered {status}; does the url end in /api/v3?", status)


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


def _silence(error: requests.RequestException, timeout_seconds: float) -> str:
    if isinstance(error, requests.Timeout):
        return f"no answer within {timeout_seconds:g} s"
    if isinstance(error, requests.ConnectionError):
        return "refuses connections; is it running, are host and port right?"
    return _NOT_ARR
