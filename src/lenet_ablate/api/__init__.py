"""The Python interface: sweeps, runs and reports as objects; it asks for the same as the commands do."""
