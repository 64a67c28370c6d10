-- What the second look at the guarantees has added. The code behind this file (src/store/sql/upgrade.rs) fills it.

-- The identity of the data, and the epoch: another one means that the data went back. One row.
CREATE TABLE IF NOT EXISTS `Cluster` (
    one   TINYINT NOT NULL PRIMARY KEY,
    id    VARCHAR(32) NOT NULL,
    epoch VARCHAR(32) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
