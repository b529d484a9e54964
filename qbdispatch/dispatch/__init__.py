"""The use cases: submit and preview a torrent, watch the nodes, tell people how the fleet is.

Joins `scoring`, `store` and `nodes`; knows nothing of Flask. The way of one submission is `dispatcher.py`.
"""
