"""The administrator's tool: the `lintel` command."""
