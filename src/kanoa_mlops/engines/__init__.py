"""HOW IT RUNS: pure translation of a plan into something to execute, one file an engine."""
