"""`python -m difflang` is the command line."""

from difflang.cli import main

main()
