-- Store which run of the switch the node drives and return the one before; no row: lease lost.
WITH node AS (
    -- The lock makes the value read here the one that is replaced below.
    SELECT id, switch_instance
      FROM calls_node
     WHERE id = %(node_id)s AND epoch = %(epoch)s
       FOR NO KEY UPDATE
)
UPDATE calls_node AS n
   SET switch_instance = %(instance)s
  FROM node
 WHERE n.id = node.id
RETURNING node.switch_instance AS before;
