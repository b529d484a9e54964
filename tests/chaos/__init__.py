"""Chaos: real nodes and dispatchers under clients' load while a seeded schedule of faults falls on all of them.

`python -m tests.chaos --seconds 60 --seed 1 --database sqlite`; begin with `run.py`. What was promised is checked from
outside: by what clients were told, by what the nodes themselves list, and by what the store holds.
"""
