"""What is promised of a run's record, tried on the program: each module breaks something and counts what held."""
