-- What the second look at the guarantees has added. The code behind this file (src/store/sql/upgrade.rs) fills it.

-- The identity of the data, and the epoch: another one means that the data went back. One row.
CREATE TABLE IF NOT EXISTS Cluster (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    id    TEXT NOT NULL,
    epoch TEXT NOT NULL
);

-- The nodes that use this database. A node that hears of another one looks here: who is missing uses another database.
-- seen_at is for tidying up after nodes that were killed.
CREATE TABLE IF NOT EXISTS Node (
    id      TEXT NOT NULL PRIMARY KEY,
    seen_at INTEGER NOT NULL
) WITHOUT ROWID;

-- What a cursor written behind has left over of groups that its user had left: it says nothing without the membership.
DELETE FROM "Cursor"
    WHERE conv <= 4294967295 AND NOT EXISTS (
        SELECT 1 FROM GroupUser m WHERE m.groupid = "Cursor".conv AND m.userid = "Cursor".userid);

DROP VIEW IF EXISTS OfflineMessage;

CREATE VIEW OfflineMessage AS
    SELECT c.userid AS userid, m.body AS message
    FROM "Cursor" c
    JOIN Conversation v ON v.id = c.conv
    JOIN Message m ON m.conv = c.conv AND m.seq > c.delivered
    WHERE c.device = 0 AND m.sender <> c.userid AND (c.conv > 4294967295 OR EXISTS (
        SELECT 1 FROM GroupUser g WHERE g.groupid = c.conv AND g.userid = c.userid));

-- The node that has reported the user online; NULL when offline. What was reported before is of nodes that are no more.
ALTER TABLE User ADD COLUMN state_node TEXT NULL;
CREATE INDEX IF NOT EXISTS UserByStateNode ON User (state_node) WHERE state_node IS NOT NULL;
UPDATE User SET state = 'offline' WHERE state = 'online' AND state_node IS NULL;

-- How many members a group has: counting a hundred thousand rows takes time.
ALTER TABLE AllGroup ADD COLUMN members INTEGER NOT NULL DEFAULT 0;

UPDATE AllGroup SET members = (SELECT COUNT(*) FROM GroupUser m WHERE m.groupid = AllGroup.id);

-- Groups that exist for nobody any more, and whose members, cursors and messages are still to be removed.
CREATE TABLE IF NOT EXISTS DeletedGroup (
    id         INTEGER PRIMARY KEY,
    deleted_at INTEGER NOT NULL
);

-- Those that a crash has kept from being removed whole.
INSERT OR IGNORE INTO DeletedGroup (id, deleted_at)
    SELECT DISTINCT m.conv, 0 FROM Message m
    WHERE m.conv <= 4294967295 AND NOT EXISTS (SELECT 1 FROM AllGroup g WHERE g.id = m.conv);

-- A cid may have been used again in many conversations: with the conversation in the index it is one look-up.
DROP INDEX IF EXISTS MessageByCid;

CREATE INDEX IF NOT EXISTS MessageByCidAndConv ON Message (sender, cid, conv) WHERE cid IS NOT NULL;

-- Which of a user's devices was used last: uses are counted.
ALTER TABLE Device ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
