-- Store how the asking at a Dial-Whom URL goes.
UPDATE campaigns_numbersource
   SET failures = %(failures)s, repeats = %(repeats)s, not_before = %(not_before)s,
       exhausted_at = %(exhausted_at)s, trouble = %(trouble)s
 WHERE campaign_id = %(campaign_id)s;
