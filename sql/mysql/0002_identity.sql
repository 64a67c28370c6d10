-- What the second look at the guarantees has added. The code behind this file (src/store/sql/upgrade.rs) fills it.

-- The identity of the data, and the epoch: another one means that the data went back. One row.
CREATE TABLE IF NOT EXISTS `Cluster` (
    one   TINYINT NOT NULL PRIMARY KEY,
    id    VARCHAR(32) NOT NULL,
    epoch VARCHAR(32) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The nodes that use this database. A node that hears of another one looks here: who is missing uses another database.
-- seen_at is for tidying up after nodes that were killed.
CREATE TABLE IF NOT EXISTS `Node` (
    id      VARCHAR(16) NOT NULL PRIMARY KEY,
    seen_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What a cursor written behind has left over of groups that its user had left: it says nothing without the membership.
DELETE FROM `Cursor`
    WHERE conv <= 4294967295 AND NOT EXISTS (
        SELECT 1 FROM GroupUser m WHERE m.groupid = `Cursor`.conv AND m.userid = `Cursor`.userid);

CREATE OR REPLACE VIEW `OfflineMessage` AS
    SELECT c.userid AS userid, m.body AS message
    FROM `Cursor` c
    JOIN `Message` m ON m.conv = c.conv AND m.seq > c.delivered
    WHERE c.device = 0 AND m.sender <> c.userid AND (c.conv > 4294967295 OR EXISTS (
        SELECT 1 FROM GroupUser g WHERE g.groupid = c.conv AND g.userid = c.userid));

-- The node that has reported the user online; NULL when offline. What was reported before is of nodes that are no more.
ALTER TABLE `User` ADD COLUMN state_node VARCHAR(16) NULL, ADD KEY user_by_state_node (state_node);
UPDATE `User` SET state = 'offline' WHERE state = 'online' AND state_node IS NULL;
