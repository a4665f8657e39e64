"""`python -m pgmqgen` is `pgmqgen`."""

from pgmqgen.cli.app import main

main()
