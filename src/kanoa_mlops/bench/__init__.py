"""HOW WELL IT RUNS: load on a running endpoint, numbers from it, and what former runs gave."""
