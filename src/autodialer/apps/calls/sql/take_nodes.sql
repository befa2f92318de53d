-- Take every node away from whoever drove it, and say under which epoch it may be written to now.
-- The epoch passes those of the tables before, so that no dialer of theirs is believed.
UPDATE calls_node
   SET holder = '', lease_until = NULL, switch_instance = '', sip_url = '',
       trunk_silent_since = NULL, epoch = greatest(epoch, %(above)s) + 1
RETURNING id, epoch;
