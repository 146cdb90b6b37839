"""What every page, table and line of text is made with: templates, a shared style, text that cannot act."""
