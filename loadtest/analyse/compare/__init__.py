"""Which arm is better: the paired experiment, by the plan of analysis that docs/statistics.md explains."""
