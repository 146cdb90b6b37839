"""The page: one HTML file that shows a study's findings and needs nothing beside it."""
