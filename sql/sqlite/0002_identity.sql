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
