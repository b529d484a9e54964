"""The command line: works on configuration, store and nodes directly, next to a running service or without one.

It starts no thread that polls and never holds the leader's lease. `main` has the group and the exit codes, `session`
what every command shares, `output` how things look; the commands are in the other modules, by subject.
"""
