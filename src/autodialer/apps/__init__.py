"""The business, by subject: models (shape and constraints), queries (reads), services (writes)."""
