-- Nothing here: MySQL notes when rows changed, for nodes that have missed what other nodes told them. With SQLite there are no
-- others. The versions of both count alike.
DELETE FROM Node WHERE 1 = 0;
