-- What a browser session that has not run out keeps, still signed and encoded.
SELECT session_data
  FROM django_session
 WHERE session_key = %(key)s
   AND expire_date > %(now)s
