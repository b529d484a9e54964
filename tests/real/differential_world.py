"""The torrents that both sides of the differential test hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qbittorrentapi import Client

from tests.rig.swarm import MadeTorrent, made_up_magnet, make_torrent

UNKNOWN = "0" * 40


@dataclass(frozen=True)
class World:
    """The torrents on both sides, all stopped but `running`, and the folder that both call their own."""

    folder: str
    v1: MadeTorrent
    v2: MadeTorrent
    hybrid: MadeTorrent
    private: MadeTorrent
    running: MadeTorrent
    magnet: MadeTorrent
    spare: MadeTorrent

    @property
    def all(self) -> list[MadeTorrent]:
        """Those that are there from the start."""
        return [self.v1, self.v2, self.hybrid, self.private, self.running, self.magnet]


def make_world(folder: str) -> World:
    """New torrents of every kind."""
    return World(
        folder,
        v1=make_torrent("a-v1", 40_000_000),
        v2=make_torrent("b-v2", 30_000_000, "v2"),
        hybrid=make_torrent("c-hybrid", 20_000_000, "hybrid"),
        private=make_torrent("d-private", 10_000_000, private=True),
        running=make_torrent("e-running", 5_000_000),
        magnet=made_up_magnet("f-magnet"),
        spare=make_torrent("g-spare", 1_000_000),
    )


def fill(client: Client, world: World) -> None:
    """Add the torrents; `v1` lies in a folder of its own."""
    for made in world.all:
        source: dict[str, Any] = (
            {"torrent_files": {f"{made.name}.torrent": made.data}} if made.data else {"urls": made.magnet}
        )
        layout: dict[str, Any] = {"content_layout": "Subfolder" if made is world.v1 else "Original"}
        added = client.torrents_add(**source, is_stopped=made is not world.running, **layout)
        assert added == "Ok.", (made.name, added)
