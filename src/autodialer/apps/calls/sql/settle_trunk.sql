-- Keep a lease until a later time and settle the node's share of its trunk; not held: it is lost.
SELECT * FROM pg_temp.calls_settle_trunk(
    %(node_id)s, %(epoch)s, %(now)s, %(until)s, %(starts)s, %(lines)s, %(waiting)s, %(round_s)s,
    %(second)s);
