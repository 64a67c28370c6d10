-- What the second look at the guarantees has added. The code behind this file (src/store/sql/upgrade.rs) fills it.

-- The identity of the data, and the epoch: another one means that the data went back. One row.
CREATE TABLE IF NOT EXISTS Cluster (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    id    TEXT NOT NULL,
    epoch TEXT NOT NULL
);
