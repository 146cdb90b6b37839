"""`lenet-runs`: the runs at hand, listed, shown, compared, noted, put away and removed; without PyTorch and pandas."""
