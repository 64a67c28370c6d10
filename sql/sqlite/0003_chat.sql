-- What people expect of a chat: roles, blocks, edits, reactions, receipts. docs/architecture.md has the tables.

-- profile: a JSON value that friends and members see. A user with erased_at is gone: only the id is left. asked: 0 where nobody
-- waits for the user's answer, see src/store/sql/asked.rs.
ALTER TABLE User ADD COLUMN profile TEXT NULL;
ALTER TABLE User ADD COLUMN erased_at INTEGER NULL;
ALTER TABLE User ADD COLUMN asked INTEGER NOT NULL DEFAULT 1;

-- Who may come in (open, ask, invite), and whether new members read what was said before (all, joined). Who may speak stands
-- in Conversation.rules, which is read for each message anyway.
ALTER TABLE AllGroup ADD COLUMN joining TEXT NOT NULL DEFAULT 'open';
ALTER TABLE AllGroup ADD COLUMN history TEXT NOT NULL DEFAULT 'all';

DROP VIEW IF EXISTS OfflineMessage;

-- A member reads what comes behind joined_seq, and says nothing before muted_until. Made anew: the old one had no admins.
CREATE TABLE IF NOT EXISTS GroupMember (
    groupid     INTEGER NOT NULL,
    userid      INTEGER NOT NULL,
    grouprole   TEXT NOT NULL DEFAULT 'normal' CHECK (grouprole IN ('creator', 'admin', 'normal')),
    muted_until INTEGER NOT NULL DEFAULT 0,
    joined_seq  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (groupid, userid)
) WITHOUT ROWID;
INSERT INTO GroupMember (groupid, userid, grouprole) SELECT groupid, userid, grouprole FROM GroupUser;
DROP TABLE GroupUser;
ALTER TABLE GroupMember RENAME TO GroupUser;
CREATE INDEX IF NOT EXISTS GroupUserByUser ON GroupUser (userid);
CREATE INDEX IF NOT EXISTS GroupUserByRole ON GroupUser (groupid, grouprole);

-- rules: bits, see src/store/rights.rs. last_msg: the last message that is no event. active_at: its time, or the group's.
ALTER TABLE Conversation ADD COLUMN rules INTEGER NOT NULL DEFAULT 0;
ALTER TABLE Conversation ADD COLUMN last_msg INTEGER NOT NULL DEFAULT 0;
ALTER TABLE Conversation ADD COLUMN active_at INTEGER NOT NULL DEFAULT 0;

-- kind: 0 a message, 1 an edit, 2 a recall, 3 a reaction; the last three are events about the message of_seq. A message that
-- was edited or recalled has in edited_seq and edited_at which event did it, and when. One that was recalled has no body.
-- reacted: 1 where there may be reactions to it.
ALTER TABLE Message ADD COLUMN of_seq INTEGER NULL;
ALTER TABLE Message ADD COLUMN edited_seq INTEGER NULL;
ALTER TABLE Message ADD COLUMN edited_at INTEGER NULL;
ALTER TABLE Message ADD COLUMN reacted INTEGER NOT NULL DEFAULT 0;

-- flags of device 0: bit 1 muted, bit 2 pinned, as the user sees the conversation.
ALTER TABLE "Cursor" ADD COLUMN flags INTEGER NOT NULL DEFAULT 0;

-- userid does not want to hear from blocked. The same stands in the rules of their conversation.
CREATE TABLE IF NOT EXISTS Block (
    userid  INTEGER NOT NULL,
    blocked INTEGER NOT NULL,
    PRIMARY KEY (userid, blocked)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS BlockByBlocked ON Block (blocked, userid);

CREATE TABLE IF NOT EXISTS GroupBan (
    groupid   INTEGER NOT NULL,
    userid    INTEGER NOT NULL,
    banned_at INTEGER NOT NULL,
    PRIMARY KEY (groupid, userid)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS GroupBanByUser ON GroupBan (userid);

-- Wishes to join a group (wish 1), and invitations to it (wish 0) by invited_by; unanswered.
CREATE TABLE IF NOT EXISTS GroupAsk (
    groupid    INTEGER NOT NULL,
    userid     INTEGER NOT NULL,
    wish       INTEGER NOT NULL,
    invited_by INTEGER NULL,
    asked_at   INTEGER NOT NULL,
    PRIMARY KEY (groupid, wish, userid)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS GroupAskByUser ON GroupAsk (userid, wish, asked_at);
CREATE INDEX IF NOT EXISTS GroupAskByInviter ON GroupAsk (invited_by) WHERE invited_by IS NOT NULL;

-- The mutes of users who have left their group: they hold again when these come back.
CREATE TABLE IF NOT EXISTS KeptMute (
    groupid     INTEGER NOT NULL,
    userid      INTEGER NOT NULL,
    muted_until INTEGER NOT NULL,
    PRIMARY KEY (groupid, userid)
) WITHOUT ROWID;

-- Which reaction a user has given to a message, or taken back (is_on 0), by which event; and how many have given it, so that
-- nobody need be counted.
CREATE TABLE IF NOT EXISTS Reaction (
    conv     INTEGER NOT NULL,
    of_seq   INTEGER NOT NULL,
    reaction TEXT NOT NULL,
    userid   INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    sent_at  INTEGER NOT NULL,
    is_on    INTEGER NOT NULL,
    PRIMARY KEY (conv, of_seq, reaction, userid)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ReactionByUser ON Reaction (userid, conv, of_seq);
CREATE TABLE IF NOT EXISTS ReactionTotal (
    conv     INTEGER NOT NULL,
    of_seq   INTEGER NOT NULL,
    reaction TEXT NOT NULL,
    total    INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    PRIMARY KEY (conv, of_seq, reaction)
) WITHOUT ROWID;

-- What a user sees in the list of sessions. number: of the user's.
ALTER TABLE AuthToken ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE AuthToken ADD COLUMN device TEXT NOT NULL DEFAULT '';
ALTER TABLE AuthToken ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE AuthToken ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE AuthToken ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;

-- Tokens that were ended by their user, for nodes that do not hear of it on the bus: their sessions end. Kept for a while.
CREATE TABLE IF NOT EXISTS EndedToken (
    token_hash BLOB NOT NULL PRIMARY KEY,
    userid     INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS EndedTokenByTime ON EndedToken (ended_at);

-- Names that were given up, and until when nobody else may take them. of_group: 1 a group's, 0 a user's.
CREATE TABLE IF NOT EXISTS HeldName (
    of_group INTEGER NOT NULL,
    name_key TEXT NOT NULL,
    owner    INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    PRIMARY KEY (of_group, name_key)
) WITHOUT ROWID;

-- Users who were erased and of whom something is left to remove, and where that goes on: src/store/sql/erase.rs.
CREATE TABLE IF NOT EXISTS ErasedUser (
    id    INTEGER PRIMARY KEY,
    stage INTEGER NOT NULL DEFAULT 0,
    conv  INTEGER NOT NULL DEFAULT 0,
    seq   INTEGER NOT NULL DEFAULT 0
);

CREATE VIEW OfflineMessage AS
    SELECT c.userid AS userid, m.body AS message
    FROM "Cursor" c
    JOIN Conversation v ON v.id = c.conv
    JOIN Message m ON m.conv = c.conv AND m.seq > c.delivered
    WHERE c.device = 0 AND m.sender <> c.userid AND m.kind = 0 AND m.body <> '' AND (c.conv > 4294967295 OR EXISTS (
        SELECT 1 FROM GroupUser g WHERE g.groupid = c.conv AND g.userid = c.userid AND m.seq > g.joined_seq));
