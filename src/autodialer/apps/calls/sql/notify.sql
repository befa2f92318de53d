-- Tell everybody who listens that something has changed, once this transaction commits.
SELECT pg_notify('autodialer', %(payload)s);
