"""What a study holds, before anything is concluded: runs, factors, comparable parts, predictions, provenance."""
