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
    JOIN `Conversation` v ON v.id = c.conv
    JOIN `Message` m ON m.conv = c.conv AND m.seq > c.delivered
    WHERE c.device = 0 AND m.sender <> c.userid AND (c.conv > 4294967295 OR EXISTS (
        SELECT 1 FROM GroupUser g WHERE g.groupid = c.conv AND g.userid = c.userid));

-- The node that has reported the user online; NULL when offline. What was reported before is of nodes that are no more.
ALTER TABLE `User` ADD COLUMN state_node VARCHAR(16) NULL, ADD KEY user_by_state_node (state_node);
UPDATE `User` SET state = 'offline' WHERE state = 'online' AND state_node IS NULL;

-- How many members a group has: counting a hundred thousand rows takes time.
ALTER TABLE `AllGroup` ADD COLUMN members INT NOT NULL DEFAULT 0;

UPDATE `AllGroup` SET members = (SELECT COUNT(*) FROM GroupUser m WHERE m.groupid = `AllGroup`.id);

-- Groups that exist for nobody any more, and whose members, cursors and messages are still to be removed.
CREATE TABLE IF NOT EXISTS `DeletedGroup` (
    id         INT NOT NULL PRIMARY KEY,
    deleted_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Those that a crash has kept from being removed whole.
INSERT IGNORE INTO `DeletedGroup` (id, deleted_at)
    SELECT DISTINCT m.conv, 0 FROM `Message` m
    WHERE m.conv <= 4294967295 AND NOT EXISTS (SELECT 1 FROM `AllGroup` g WHERE g.id = m.conv);

-- A device's number is never given again.
ALTER TABLE `Cursor` MODIFY COLUMN device INT UNSIGNED NOT NULL;

ALTER TABLE `Device` MODIFY COLUMN device INT UNSIGNED NOT NULL;

-- Which of a user's devices was used last: uses are counted.
ALTER TABLE `Device` ADD COLUMN used BIGINT NOT NULL DEFAULT 0;
