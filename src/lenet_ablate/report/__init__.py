"""From run folders to tables and figures: collect, tables, figures, main."""
