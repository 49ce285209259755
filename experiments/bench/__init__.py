"""The measuring protocol, the peers, the workloads, and the tables and plots of the bench."""
