-- Let this transaction commit without waiting for the disk; a later commit that waits, waits for it.
SELECT set_config('synchronous_commit', 'off', TRUE);
