"""Any input gets an answer of its own: a refusal with its reason, never a traceback, a 500 or a growing process."""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings

from tests.conftest import AppMaker, node_entry
from tests.faults.hostile import Attack, Tracebacks, any_attack, by_hand, send
from tests.rig.scripted import ScriptedNode

MADE_BY_HAND, MADE_BY_HYPOTHESIS = 1500, 1000
LONGEST_SECONDS = 5.0
GROWTH_BYTES = 48 * 1024
ROUNDS = 3
LARGE = 2**14
OPEN_TO_ALL = {b"/healthz", b"/readyz", b"/api/v2/auth/login", b"/dashboard/theme", b""}
AS_FAST_AS_MAY_BE = settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture
def app(make_app: AppMaker, scripted: Callable[..., ScriptedNode]) -> Flask:
    """Open to everybody, so that nothing is stopped at the door; private addresses are not fetched."""
    return make_app([node_entry(scripted(name="a"))], fetch={"allow_private": False, "timeout_s": 0.5})


@pytest.fixture
def locked(make_app: AppMaker, scripted: Callable[..., ScriptedNode]) -> Flask:
    """With every key and password set."""
    auth = {"username": "u", "password": "p", "api_keys": ["k"]}
    return make_app([node_entry(scripted(name="a"))], auth=auth, dispatcher={"admin_api_key": "a"})


def _stands(app: Flask, attack: Attack) -> int:
    reply = send(app, attack)
    redirected = reply.status == (303 if attack.path.startswith(b"/dashboard/") else 308 if not attack.path else None)
    assert redirected or 200 <= reply.status < 300 or 400 <= reply.status < 500 or reply.status == 503, attack
    assert b"Traceback" not in reply.body, attack
    assert reply.seconds < LONGEST_SECONDS, attack
    return reply.status


def test_what_was_made_by_hand_is_answered(app: Flask) -> None:
    """On every route: broken bodies of every kind, odd methods, headers, cookies, paths and queries."""
    with Tracebacks() as tracebacks:
        seen = Counter(_stands(app, attack) for attack in by_hand(app))
    assert seen.total() >= MADE_BY_HAND
    assert {200, 400, 404, 405, 413, 415, 422} <= set(seen)
    assert tracebacks.seen == []


def test_what_hypothesis_makes_up_is_answered(app: Flask) -> None:
    """A thousand requests of any make, the same ones at every run."""
    seen: Counter[int] = Counter()

    @settings(AS_FAST_AS_MAY_BE, max_examples=MADE_BY_HYPOTHESIS)
    @given(any_attack(app))
    def attacked(attack: Attack) -> None:
        seen[_stands(app, attack)] += 1

    with Tracebacks() as tracebacks:
        attacked()
    assert seen.total() >= MADE_BY_HYPOTHESIS
    assert tracebacks.seen == []


def test_nothing_odd_gets_past_a_locked_door(locked: Flask) -> None:
    """The same requests, of which none has a key: refused everywhere but at the probes and the login."""
    attacks = [attack for attack in by_hand(locked) if attack.path not in OPEN_TO_ALL and len(attack.body) < LARGE]
    with Tracebacks() as tracebacks:
        seen = {_stands(locked, attack) for attack in attacks if attack.method != "OPTIONS"}
    assert {401, 403} <= seen
    assert {status for status in seen if status < 400} == set()
    assert tracebacks.seen == []


def test_a_second_round_of_the_same_takes_no_more_memory(app: Flask) -> None:
    """What one round leaves behind shows in each one after it, since every request is the same; what only fills a cache
    shows once."""
    attacks = [attack for attack in by_hand(app) if len(attack.body) < LARGE][::2]

    def traced_bytes() -> int:
        for attack in attacks:
            send(app, attack)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = traced_bytes()
        growth: list[int] = []
        while len(growth) < ROUNDS and (not growth or growth[-1] >= GROWTH_BYTES):
            growth.append(traced_bytes() - before)
            before += growth[-1]
    finally:
        tracemalloc.stop()
    assert growth[-1] < GROWTH_BYTES, growth
