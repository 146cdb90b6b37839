"""What the numbers allow to be said: intervals, paired comparisons, verdicts. No files, no words but the verdicts'."""
