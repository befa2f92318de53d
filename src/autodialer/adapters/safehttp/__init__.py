"""The one client for addresses that users give, and what is asked over it."""
