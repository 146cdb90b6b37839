"""Data sets as arrays, their splits and the order of their batches; free of any engine."""
