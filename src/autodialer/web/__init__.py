"""The pages: rendered on the server, exchanged in parts by htmx, live by server-sent events."""
