"""Django's connection to PostgreSQL, whose health is seen without asking the server."""

from __future__ import annotations

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection of which an end is noticed before the next request uses it."""

    def is_usable(self) -> bool:
        """Return whether the server has kept the connection open and said nothing meanwhile.

        Between two queries there is nothing to read but a farewell or the end of the connection.
        Django's own way is a query before the first one of each request.
        """
        if self.connection is None or self.connection.closed:
            return False
        line = select.poll()
        line.register(self.connection.fileno(), select.POLLIN)
        return not line.poll(0)
