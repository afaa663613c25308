"""The commands: training, evaluation, benchmarks. Knows configs and flags."""
