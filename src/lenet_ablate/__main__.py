"""Runs `python -m lenet_ablate`."""

from lenet_ablate.cli import main

main()
