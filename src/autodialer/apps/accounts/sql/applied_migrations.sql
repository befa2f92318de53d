-- Which migrations the tables have, of whatever version they are.
SELECT app, name FROM django_migrations
