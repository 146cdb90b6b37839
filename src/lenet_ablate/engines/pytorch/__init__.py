"""The torch engine: PyTorch on the CPU, CUDA or MPS with the data set on the device."""
