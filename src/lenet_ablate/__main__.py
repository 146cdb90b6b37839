"""Runs `python -m lenet_ablate`."""

from lenet_ablate.cli.main import main

main()
