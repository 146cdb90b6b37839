"""Copies of runs' records for other tools to show; nothing here changes a result."""
