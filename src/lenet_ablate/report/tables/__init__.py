"""The report's tables: the numbers as frames, and these as CSV, Markdown, LaTeX and HTML."""
