-- Say what saving the imported rows would do: numbers, fixed, known, in the list, never to be called.
WITH first AS (
    -- As they would be saved: the first row of a number counts.
    SELECT DISTINCT ON (e164) e164, fixed FROM import_row ORDER BY e164, line
)
SELECT count(*), count(*) FILTER (WHERE first.fixed), count(known.id), count(member.id),
       count(forbidden.id)
  FROM first
  LEFT JOIN contacts_contact AS known
    ON known.account_id = %(account_id)s AND known.e164 = first.e164
  LEFT JOIN contacts_listmember AS member
    ON member.contact_list_id = %(list_id)s AND member.contact_id = known.id
  LEFT JOIN contacts_dndentry AS forbidden
    ON forbidden.account_id = %(account_id)s AND forbidden.e164 = first.e164
