"""A second Asterisk that plays customers and agents' phones (docs/reference/lab-carrier.md)."""
