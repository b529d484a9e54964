"""The form "where would it go?": its fields, what a preview answers, and handing the same torrent in."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import request
from marshmallow import ValidationError

from qbdispatch.config.settings import FetchSettings
from qbdispatch.dispatch.dispatcher import Result
from qbdispatch.dispatch.parse import read_submission
from qbdispatch.dispatch.request import Submission
from qbdispatch.ui.explain import Explanation, explain

TEXTS = ("link", "category", "size_estimate_gb")


@dataclass(frozen=True, slots=True)
class Trial:
    """What was filled in. `torrent` is the uploaded file in base64, which the page's forms carry on, since a browser
    empties its field for files."""

    texts: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(TEXTS, ""))
    torrent: str = ""
    filename: str = ""


def read_form() -> Trial:
    """The form as it came with this request. A file of an earlier one gives way to a link that is filled in now."""
    texts = {name: request.form.get(name, "").strip() for name in TEXTS}
    upload = request.files.get("torrent")
    content = upload.read() if upload and upload.filename else b""
    if upload and content:
        return Trial(texts, base64.b64encode(content).decode(), upload.filename or "")
    if texts["link"]:
        return Trial(texts)
    return Trial(texts, request.form.get("torrent_base64", ""), request.form.get("filename", ""))


def submission_of(trial: Trial, fetch: FetchSettings) -> Submission:
    """The torrent that the form describes; a URL is fetched here. Raises `ValidationError`, which names fields."""
    link = trial.texts["link"]
    fields = {name: text for name, text in trial.texts.items() if text and name != "link"}
    if link:
        fields["url" if link.lower().startswith(("http://", "https://")) else "magnet"] = link
    try:
        content = base64.b64decode(trial.torrent, validate=True) if trial.torrent else None
    except binascii.Error as error:
        raise ValidationError("The file was damaged on its way; choose it again.", "torrent") from error
    if not link and content is None:
        raise ValidationError("Give a magnet, the address of a .torrent, or a file.", "link")
    return read_submission(fields, content, fetch)


def faults_of(error: ValidationError) -> dict[str, str]:
    """What is wrong with each field of the form."""
    told: dict[str, Any] = error.normalized_messages()  # type: ignore[no-untyped-call]
    names = {"magnet": "link", "url": "link", "body": "link"}
    return {names.get(name, name): " ".join(map(str, texts)) for name, texts in told.items()}


def explain_result(result: Result, submission: Submission) -> Explanation:
    """A preview's answer, as a decision is explained."""
    status = "placing" if result.status == "accepted" else result.status.value
    return explain(
        {
            "status": status,
            "name": submission.title,
            "hash": result.hash,
            "category": submission.category,
            "selected_node": result.node,
            "reason": result.reason,
            "attempted_nodes": result.nodes,
        }
    )
