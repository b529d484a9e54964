"""All knowledge of real qBittorrent nodes: how to speak to each version, and what its answers mean.

Nothing here knows the store or Flask; `dispatch.access` adds the session that all workers share.
"""
