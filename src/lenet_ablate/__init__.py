"""Config-driven ablation studies of LeNet-5 on MNIST-like data."""

__version__ = "0.1.0"
