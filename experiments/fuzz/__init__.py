"""Random comparisons: drawn, judged, made small where they fail, and driven to the worst."""
