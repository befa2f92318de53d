-- Make a node on its first use, with a lease that is free.
INSERT INTO calls_node (name, epoch, holder, lease_until, switch_instance, created_at)
VALUES (%(node)s, 0, '', NULL, '', %(now)s)
ON CONFLICT (name) DO NOTHING;
