"""Rules: one module per subject. Each is a pure function from a model to findings; its docstring says what it means."""
