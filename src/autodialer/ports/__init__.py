"""What we need from outside, as Protocols in our words."""
