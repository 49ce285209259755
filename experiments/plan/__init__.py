"""From a plan in TOML to validated trials, and the data sets that they use."""
