"""The private Asterisk: fetched, configured and run (docs/adr/0003-private-asterisk.md)."""
