"""Everything that touches a wire: the door daemon and its client."""
