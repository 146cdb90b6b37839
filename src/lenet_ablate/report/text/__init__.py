"""Numbers and names as text: rounded, worded, harmless."""
