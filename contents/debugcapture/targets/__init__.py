"""Which pods and containers to capture."""
