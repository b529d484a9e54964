"""`python -m qbdispatch`: the command line without an installed script."""

from qbdispatch.cli.main import run

if __name__ == "__main__":
    run()
