"""Asks all nodes, or all *arr instances, at once and under one deadline, for `/nodes` and `/arr`."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from qbdispatch.config.settings import ArrSettings, Settings
from qbdispatch.dispatch.access import Fleet, NodeAccess
from qbdispatch.dispatch.arr_api import ArrApi, ArrError
from qbdispatch.dispatch.documents import gigabytes, rfc3339, verdict_document
from qbdispatch.dispatch.folders import clashes, known_save_paths
from qbdispatch.dispatch.oddities import in_answer
from qbdispatch.dispatch.request import policy
from qbdispatch.nodes.errors import Cause, NodeError, NodeUnreachable
from qbdispatch.scoring.decide import decide
from qbdispatch.scoring.model import Request, Verdict
from qbdispatch.store import facts, health, snapshots
from qbdispatch.store.engine import Store

DEADLINE_SECONDS = 4.0
ANSWER_SECONDS = 3.0
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a node answered just now. `error` is `None` for one that answered. One that is known to be down is not
    asked: its watcher alone tries it."""

    error: NodeError | None
    latency_ms: float | None = None
    version: str | None = None
    download_speed: int | None = None
    warnings: Sequence[str] = ()


def survey_nodes(settings: Settings, store: Store, fleet: Fleet) -> list[dict[str, Any]]:
    """Each node, asked live, with its figures and how it would fare in a decision now; in configured order."""
    accesses = list(fleet.members.values())
    silent = Pulse(NodeUnreachable(f"no answer within {DEADLINE_SECONDS:g} s", Cause.TIMEOUT))
    pulses = dict(zip(fleet.members, _ask_all(_pulse, accesses, silent), strict=True))
    now = store.now()
    with store.read() as connection:
        gathered = facts.gather(connection, settings.nodes, max_downloads=settings.dispatcher.max_downloads, now=now)
        latest = snapshots.latest(connection)
        states = health.states(connection)
        warnings = clashes(settings.nodes, known_save_paths(connection, settings.nodes))
    live = [
        replace(node, fault=error.reason, fault_detail=str(error)) if (error := pulses[node.name].error) else node
        for node in gathered
    ]
    decision = decide(live, Request(size_bytes=0), policy(settings.dispatcher, settings.sync.stale_after_s))
    verdicts = {verdict.name: verdict for verdict in decision.verdicts}
    return [
        _node_document(access, pulses[name], verdicts[name], latest.get(name))
        | _health_document(pulses[name], states[name], now)
        | {"warnings": [*warnings.get(name, []), *_oddities(pulses[name], states[name])]}
        for name, access in fleet.members.items()
    ]


def survey_arr(instances: Sequence[ArrSettings]) -> list[dict[str, Any]]:
    """Each *arr instance's own word on its version; in configured order."""
    silent = {"reachable": False, "version": None, "error": f"no answer within {DEADLINE_SECONDS:g} s"}
    answers = _ask_all(_arr_status, instances, silent)
    return [
        {"name": instance.name, "type": instance.type, "url": instance.url} | answer
        for instance, answer in zip(instances, answers, strict=True)
    ]


def _ask_all(ask: Callable[[Asked], Answer], asked: Sequence[Asked], silent: Answer) -> Iterable[Answer]:
    """The answers in order; `silent` stands for whoever has not answered by the deadline."""
    if not asked:
        return []
    pool = ThreadPoolExecutor(len(asked), thread_name_prefix="survey")
    futures = [pool.submit(copy_context().run, ask, one) for one in asked]
    done, _ = wait(futures, DEADLINE_SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    return [future.result() if future in done else silent for future in futures]


def _pulse(access: NodeAccess) -> Pulse:
    started = time.monotonic()
    try:
        access.require_up()
        transfer = access.call(lambda cookies: access.client.transfer(cookies, ANSWER_SECONDS))
        latency_ms = round((time.monotonic() - started) * 1000, 1)
        version = access.call(lambda cookies: access.client.version(cookies, ANSWER_SECONDS))
    except NodeError as error:
        return Pulse(error)
    speed = transfer.get("dl_info_speed")
    odd = in_answer(latency_ms, access.client.clock_ahead_seconds)
    return Pulse(None, latency_ms, version, speed if isinstance(speed, int) else None, odd)


def _node_document(
    access: NodeAccess, pulse: Pulse, verdict: Verdict, snapshot: snapshots.Snapshot | None
) -> dict[str, Any]:
    speed = pulse.download_speed
    if speed is None and snapshot is not None:
        speed = snapshot.download_speed
    return verdict_document(verdict) | {
        "url": access.node.url,
        "reachable": pulse.error is None,
        "version": pulse.version or (snapshot and snapshot.version),
        "paused_downloads": snapshot and snapshot.paused_downloads,
        "torrents": snapshot and snapshot.torrents,
        "outstanding_gb": gigabytes(snapshot.outstanding_bytes if snapshot else None),
        "download_mbps": None if speed is None else round(speed * 8 / 1_000_000, 1),
        "draining": verdict.facts.draining,
        "pool": access.node.pool,
        "snapshot_at": rfc3339(snapshot.taken_at) if snapshot else None,
    }


def _health_document(pulse: Pulse, state: health.NodeState, now: float) -> dict[str, Any]:
    retry_at = state.retry_at if pulse.error else None
    return {
        "cause": pulse.error.cause if pulse.error else state.cause,
        "error": str(pulse.error) if pulse.error else None,
        "failures": state.failures,
        "retry_in_s": None if retry_at is None else round(max(0.0, retry_at - now), 1),
        "latency_ms": pulse.latency_ms or state.latency_ms,
        "last_seen": None if state.seen_at is None else rfc3339(state.seen_at),
    }


def _oddities(pulse: Pulse, state: health.NodeState) -> list[str]:
    return [*pulse.warnings, *([state.fault_detail] if state.cause and not state.fault else [])]


def _arr_status(instance: ArrSettings) -> dict[str, Any]:
    try:
        status = ArrApi(instance).status()
    except ArrError as error:
        return {"reachable": False, "version": None, "error": str(error)}
    return {"reachable": True, "version": status.version, "error": None}
