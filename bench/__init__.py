"""Benchmarks of the product against the least that could do the same work (docs/benchmarks.md)."""
