"""Benchmarks: labkit beside its peers, in one run, on this machine. See README.md; ``make bench`` runs them all."""
