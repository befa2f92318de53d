"""The table of Django's database cache, as `createcachetable` makes it."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.RunSQL(
            """
            -- Counts of failed sign-ins; what has expired is removed by the cache itself.
            CREATE TABLE web_cache (
                cache_key varchar(255) PRIMARY KEY,
                value     text NOT NULL,
                expires   timestamptz NOT NULL
            );
            CREATE INDEX web_cache_expires ON web_cache (expires);
            """,
            "DROP TABLE web_cache",
        )
    ]
