"""Training the runs of a sweep side by side: workers, attempts, progress, forecast, signals."""
