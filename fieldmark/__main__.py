"""`python -m fieldmark`: the command line."""

from fieldmark.cli import main

main()
