"""Benchmarks, each compared with another tool: python -m benchmarks."""
