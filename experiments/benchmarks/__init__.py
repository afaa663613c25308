"""Benchmarks: each prints one table, and JSON with --json."""
