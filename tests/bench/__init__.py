"""Measurements that are not part of the tests: run each with `python -m tests.bench.NAME`."""
