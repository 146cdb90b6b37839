"""The compiled engine: LeNet-5 on the CPU with hand-derived gradients in Numba; `layout.py` explains how it lies."""
