-- Stonechat's tables on SQLite. Times are milliseconds since 1970 UTC. name_key is the name in lower case, made by the
-- server, so that uniqueness without regard to case means the same on every database.

CREATE TABLE IF NOT EXISTS User (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL UNIQUE,
    password   TEXT NOT NULL,
    state      TEXT NOT NULL DEFAULT 'offline' CHECK (state IN ('online', 'offline')),
    created_at INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS Friend (
    userid   INTEGER NOT NULL,
    friendid INTEGER NOT NULL,
    PRIMARY KEY (userid, friendid)
) WITHOUT ROWID;

-- userid asks friendid.
CREATE TABLE IF NOT EXISTS FriendRequest (
    userid     INTEGER NOT NULL,
    friendid   INTEGER NOT NULL,
    msg        TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (userid, friendid)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS FriendRequestTo ON FriendRequest (friendid, created_at);

CREATE TABLE IF NOT EXISTS AllGroup (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    groupname  TEXT NOT NULL,
    name_key   TEXT NOT NULL UNIQUE,
    groupdesc  TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS GroupUser (
    groupid   INTEGER NOT NULL,
    userid    INTEGER NOT NULL,
    grouprole TEXT NOT NULL DEFAULT 'normal' CHECK (grouprole IN ('creator', 'normal')),
    PRIMARY KEY (groupid, userid)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS GroupUserByUser ON GroupUser (userid);

CREATE TABLE IF NOT EXISTS Conversation (
    id       INTEGER PRIMARY KEY,
    last_seq INTEGER NOT NULL
);

-- In the order of arrival (rowid), not clustered by conversation: every commit appends at the end of the table.
CREATE TABLE IF NOT EXISTS Message (
    conv    INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    kind    INTEGER NOT NULL DEFAULT 0,
    sender  INTEGER NOT NULL,
    sent_at INTEGER NOT NULL,
    cid     TEXT,
    body    TEXT NOT NULL
);

CREATE UNIQUE INDEX IF NOT EXISTS MessageBySeq ON Message (conv, seq);

CREATE INDEX IF NOT EXISTS MessageByCid ON Message (sender, cid) WHERE cid IS NOT NULL;

-- The rows of device 0 are the list of a user's conversations.
CREATE TABLE IF NOT EXISTS "Cursor" (
    userid    INTEGER NOT NULL,
    device    INTEGER NOT NULL,
    conv      INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    read_seq  INTEGER NOT NULL,
    PRIMARY KEY (userid, device, conv)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS Device (
    userid INTEGER NOT NULL,
    device INTEGER NOT NULL,
    name   TEXT NOT NULL,
    PRIMARY KEY (userid, device),
    UNIQUE (userid, name)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS AuthToken (
    token_hash BLOB NOT NULL PRIMARY KEY,
    userid     INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS AuthTokenByUser ON AuthToken (userid, expires_at);

CREATE VIEW IF NOT EXISTS OfflineMessage AS
    SELECT c.userid AS userid, m.body AS message
    FROM "Cursor" c
    JOIN Message m ON m.conv = c.conv AND m.seq > c.delivered
    WHERE c.device = 0 AND m.sender <> c.userid;
