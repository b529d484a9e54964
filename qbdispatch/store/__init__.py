"""All SQL: claims, placements, decisions, snapshots, node states, sessions and the leader's lease.

Every truth that two requests must agree on is here, never in a process. Functions take the open connection of the
caller's transaction; `engine.Store` opens those. Rules about placing torrents live in `scoring` and `dispatch`.
"""
