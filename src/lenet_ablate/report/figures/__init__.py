"""The report's figures: from frames to matplotlib figures, and from these to files."""
