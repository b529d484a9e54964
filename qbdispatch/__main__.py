"""`python -m qbdispatch`: the command line without an installed script."""

from qbdispatch.cli.main import main

if __name__ == "__main__":
    main(prog_name="qbdispatch")
