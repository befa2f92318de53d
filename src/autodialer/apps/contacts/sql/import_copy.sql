-- Stream the checked rows of an import into its private table.
COPY import_row (line, e164, first_name, last_name, company, email, tag, fields, fixed) FROM STDIN
