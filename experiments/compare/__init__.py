"""Two runs: what changed between them, and the page that shows it."""
