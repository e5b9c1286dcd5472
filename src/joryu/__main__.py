"""``python -m joryu``: the command line, where the command itself is not on the path."""

from joryu.cli import main

main()
