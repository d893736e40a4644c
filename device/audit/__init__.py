"""The audit: an append-only, hash-chained record of what happened at the door. It holds opaque ids and no names."""
