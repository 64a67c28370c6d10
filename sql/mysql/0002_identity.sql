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
