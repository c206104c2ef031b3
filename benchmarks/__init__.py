"""Measurements beside what has to be beaten: python -m benchmarks."""
