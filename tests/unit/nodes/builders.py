"""Nodes to speak to, and the least of torrents."""

from typing import Any

from qbdispatch.config.settings import NodeSettings
from qbdispatch.nodes.client import NodeClient
from qbdispatch.torrents.source import InfoHashes, TorrentSource
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import MadeTorrent

V1 = "a1" * 20
V2 = "b2" * 32
HASHES = InfoHashes(v1=V1)
PASSWORD = "hush-password"
MAGNET = f"magnet:?xt=urn:btih:{V1}&tr=http%3A%2F%2Ftracker%2Fhush-passkey%2Fannounce"
LINK = TorrentSource(HASHES, "linked", None, magnet=MAGNET)
COOKIES = {"SID": "hush-cookie"}


def client_at(url: str, **changes: Any) -> NodeClient:
    """A client with its secrets; what must never be repeated begins with `hush`."""
    usual: dict[str, Any] = {"name": "box", "username": "admin", "password": PASSWORD, "timeout_s": 5.0}
    return NodeClient(NodeSettings(url=url, **(usual | changes)))


def client_of(node: ScriptedNode, **changes: Any) -> NodeClient:
    return client_at(node.url, **({"username": node.username, "password": node.password} | changes))


def source_of(made: MadeTorrent, *, as_file: bool = False) -> TorrentSource:
    hashes = InfoHashes(made.v1, made.v2)
    if as_file:
        return TorrentSource(hashes, made.name, made.size_bytes, content=made.data)
    return TorrentSource(hashes, made.name, None, magnet=made.magnet)
