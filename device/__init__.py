"""The appliance: from a camera frame to a decision about the door."""
