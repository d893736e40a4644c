"""What the networks are, where they come from and how they run."""
