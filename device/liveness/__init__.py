"""Presentation attack detection: independent cues, and the table that turns them into a verdict."""
