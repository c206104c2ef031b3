"""Explains evidence: parsers turn files into typed models, rules turn models into findings. Pure, and offline.

A finding states what the evidence shows. It never guesses: a rule that is not sure reports nothing.
"""
