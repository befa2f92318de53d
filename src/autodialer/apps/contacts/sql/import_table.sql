-- Make the private table into which an import is copied; it is gone when the connection ends.
CREATE TEMPORARY TABLE import_row (
    line integer NOT NULL,
    e164 text NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    company text NOT NULL,
    email text NOT NULL,
    tag text NOT NULL,
    fields jsonb NOT NULL,
    fixed boolean NOT NULL
)
