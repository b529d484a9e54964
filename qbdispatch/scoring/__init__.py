"""Which node gets a torrent, and why: pure functions from plain facts to a decision.

Open `decide.py` first. Nothing here knows Flask, SQL, the clock or qBittorrent's API.
"""
