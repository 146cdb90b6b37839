"""What the numbers allow to be said: intervals, paired comparisons, verdicts, advice and warnings. Reads no files."""
