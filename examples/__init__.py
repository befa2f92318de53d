"""Programs that show how to work with the dialer; they need nothing of it installed."""
