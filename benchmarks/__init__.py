"""Compare with the competitors: python -m benchmarks."""
