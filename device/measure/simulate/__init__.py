"""Simulated visitors for the demo, the tests and `--simulate`. Nothing here is evidence about real attacks."""
