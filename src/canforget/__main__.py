"""`python -m canforget`: the command line."""

from canforget.cli.app import main

main()
