"""What runs leave on disk: written so that it can be trusted, read back as checked data and as frames."""
