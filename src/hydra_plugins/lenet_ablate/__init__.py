"""Hydra plugins: which runs a sweep has, and how they run."""
