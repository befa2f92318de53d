-- The transaction that saved an import; no row: a backup was restored since, which wrote all anew.
SELECT i.xmin::text AS saved_in
  FROM imports_listimport AS i, pg_control_system() AS here
 WHERE i.id = %(import_id)s
   -- It wrote this row last of all, and nobody writes it again before it is taken back.
   AND i.saved_in = i.xmin::text || '@' || here.system_identifier
