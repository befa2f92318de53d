-- Note that what an import had saved was taken back; no row: it is not there to be taken back.
UPDATE imports_listimport
   SET status = 'undone', finished_at = %(now)s
 WHERE id = %(import_id)s AND status = 'done'
RETURNING id
