"""The REST API: the same services and queries as the pages, for programs."""
