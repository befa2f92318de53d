-- Tell the screens what has changed, once this transaction commits; see apps/hints.py.
SELECT pg_notify('autodialer_screens', payload) FROM unnest(%(payloads)s::text[]) AS payload;
