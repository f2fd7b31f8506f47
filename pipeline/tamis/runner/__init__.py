"""Plan, skip what is finished, run, commit, tally: the only place that knows all."""
