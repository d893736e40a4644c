"""The door's rules: pure functions from evidence to a decision."""
