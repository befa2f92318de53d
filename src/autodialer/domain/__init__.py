"""Every decision of the product as pure functions: stdlib only, no I/O, no clock, no random."""
