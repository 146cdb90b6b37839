"""The page on which one draws a digit and sees what a run makes of it."""
