"""What a run is and which runs a sweep has: settings, their checks, schedules, identity, ready-made experiments."""
