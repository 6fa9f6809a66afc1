"""`python -m canforget`: the command line."""

from canforget.cli import main

main()
