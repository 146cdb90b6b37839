"""LeNet-5 on a GPU: a run is a thread block (`block.cu`), so that as many runs train at once as it has room for.

It has not run on a GPU yet: its source is tested as C++ on the CPU, and compiled for GPUs without one.
`benchmarks/gpu.py` checks and measures it where there is one.
"""
