"""One torrent, however spelled and however often at once, is one torrent in the fleet."""

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.real.conftest import StartDispatcher, StartNode, copies
from tests.rig.dispatcher import Dispatcher
from tests.rig.swarm import make_torrent

pytestmark = pytest.mark.real


def test_24_callers_with_one_torrent_get_a_yes_and_make_one_copy(
    start_node: StartNode, start_dispatcher: StartDispatcher
) -> None:
    """Hex, base32, upper and lower case, the file, over /submit and /api/v2 at once: all told yes, one copy."""
    nodes = [start_node(name) for name in "abc"]
    dispatcher = start_dispatcher(nodes)
    made = make_torrent("wanted by all", 2**30)
    assert made.v1 is not None
    base32 = base64.b32encode(bytes.fromhex(made.v1)).decode()
    spellings = [made.v1, made.v1.upper(), base32, base32.lower()]

    def call(number: int) -> bool:
        magnet = f"magnet:?dn=caller{number}&xt=urn:btih:{spellings[number % 4]}"
        return [_submit_link, _add_link, _submit_file, _add_file][number // 4 % 4](dispatcher, magnet, made.data)

    with ThreadPoolExecutor(24) as pool:
        told_yes = list(pool.map(call, range(24)))
    assert told_yes == [True] * 24
    assert list(copies(nodes)) == [made.v1]
    assert len(copies(nodes)[made.v1]) == 1


def _submit_link(dispatcher: Dispatcher, magnet: str, _: bytes) -> bool:
    return requests.post(f"{dispatcher.url}/submit", json={"magnet": magnet}, timeout=60).ok


def _add_link(dispatcher: Dispatcher, magnet: str, _: bytes) -> bool:
    answer = requests.post(f"{dispatcher.url}/api/v2/torrents/add", data={"urls": magnet}, timeout=60)
    return answer.text == "Ok."


def _submit_file(dispatcher: Dispatcher, _: str, data: bytes) -> bool:
    return requests.post(f"{dispatcher.url}/submit", files={"torrent": ("x.torrent", data)}, timeout=60).ok


def _add_file(dispatcher: Dispatcher, _: str, data: bytes) -> bool:
    files = {"torrents": ("x.torrent", data)}
    return requests.post(f"{dispatcher.url}/api/v2/torrents/add", files=files, timeout=60).text == "Ok."
