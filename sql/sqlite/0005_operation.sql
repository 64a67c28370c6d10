-- What an administrator needs: accounts that are disabled, quotas of one user, messages that are kept for a time only.

-- A user with disabled_at cannot log in, since then.
ALTER TABLE User ADD COLUMN disabled_at INTEGER NULL;
CREATE INDEX IF NOT EXISTS UserByDisabled ON User (disabled_at) WHERE disabled_at IS NOT NULL;

-- For how many days the group's messages are kept. 0: for ever. NULL: as retention.days says.
ALTER TABLE AllGroup ADD COLUMN retention_days INTEGER NULL;
CREATE INDEX IF NOT EXISTS AllGroupByRetention ON AllGroup (retention_days) WHERE retention_days IS NOT NULL;

-- The first message that is still there: what was before it was kept long enough. 0: nothing was removed.
ALTER TABLE Conversation ADD COLUMN floor_seq INTEGER NOT NULL DEFAULT 0;

-- What administrators have done. who: token, or uid and the number of a user of the machine. subject: user, group, session or
-- node, and its id. No name and no text of anybody stands here: an erased user is to be in no table.
CREATE TABLE IF NOT EXISTS Audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL
);

-- The quotas of one user that are other ones than the settings say. value 0: no limit.
CREATE TABLE IF NOT EXISTS UserQuota (
    userid INTEGER NOT NULL,
    name   TEXT NOT NULL,
    value  INTEGER NOT NULL,
    PRIMARY KEY (userid, name)
) WITHOUT ROWID;

-- Work that one node at a time does: which one, and until when it has said it would.
CREATE TABLE IF NOT EXISTS Lease (
    work   TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    until  INTEGER NOT NULL
) WITHOUT ROWID;
