"""Many qBittorrent nodes, one qBittorrent towards every client.

The way of a torrent: an `arr` or `submit` route hands it to `dispatch.dispatcher`, which asks `scoring.decide`
for the best node, claims the bytes there in the store, and adds the torrent through `nodes`.
"""

__version__ = "0.1.0"
