-- What people expect of a chat: roles, blocks, edits, reactions, receipts. docs/architecture.md has the tables.

-- profile: a JSON value that friends and members see. A user with erased_at is gone: only the id is left. asked: 0 where nobody
-- waits for the user's answer, see src/store/sql/asked.rs.
ALTER TABLE `User` ADD COLUMN profile TEXT NULL;
ALTER TABLE `User` ADD COLUMN erased_at BIGINT NULL;
ALTER TABLE `User` ADD COLUMN asked TINYINT NOT NULL DEFAULT 1;

-- Who may come in (open, ask, invite), and whether new members read what was said before (all, joined). Who may speak stands
-- in Conversation.rules, which is read for each message anyway.
ALTER TABLE `AllGroup` ADD COLUMN joining VARCHAR(8) NOT NULL DEFAULT 'open';
ALTER TABLE `AllGroup` ADD COLUMN history VARCHAR(8) NOT NULL DEFAULT 'all';

-- A member reads what comes behind joined_seq, and says nothing before muted_until.
ALTER TABLE `GroupUser` MODIFY COLUMN grouprole ENUM('creator', 'normal', 'admin') NOT NULL DEFAULT 'normal';
ALTER TABLE `GroupUser` ADD COLUMN muted_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE `GroupUser` ADD COLUMN joined_seq BIGINT NOT NULL DEFAULT 0, ADD KEY group_user_by_role (groupid, grouprole);

-- rules: bits, see src/store/rights.rs. last_msg: the last message that is no event. active_at: its time, or the group's.
ALTER TABLE `Conversation` ADD COLUMN rules INT NOT NULL DEFAULT 0;
ALTER TABLE `Conversation` ADD COLUMN last_msg BIGINT NOT NULL DEFAULT 0;
ALTER TABLE `Conversation` ADD COLUMN active_at BIGINT NOT NULL DEFAULT 0;

-- kind: 0 a message, 1 an edit, 2 a recall, 3 a reaction; the last three are events about the message of_seq. A message that
-- was edited or recalled has in edited_seq and edited_at which event did it, and when. One that was recalled has no body.
-- reacted: 1 where there may be reactions to it.
ALTER TABLE `Message` ADD COLUMN of_seq BIGINT NULL;
ALTER TABLE `Message` ADD COLUMN edited_seq BIGINT NULL;
ALTER TABLE `Message` ADD COLUMN edited_at BIGINT NULL;
ALTER TABLE `Message` ADD COLUMN reacted TINYINT NOT NULL DEFAULT 0;

-- flags of device 0: bit 1 muted, bit 2 pinned, as the user sees the conversation.
ALTER TABLE `Cursor` ADD COLUMN flags INT NOT NULL DEFAULT 0;

-- userid does not want to hear from blocked. The same stands in the rules of their conversation.
CREATE TABLE IF NOT EXISTS `Block` (
    userid  INT NOT NULL,
    blocked INT NOT NULL,
    PRIMARY KEY (userid, blocked),
    KEY block_by_blocked (blocked, userid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `GroupBan` (
    groupid   INT NOT NULL,
    userid    INT NOT NULL,
    banned_at BIGINT NOT NULL,
    PRIMARY KEY (groupid, userid),
    KEY group_ban_by_user (userid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Wishes to join a group (wish 1), and invitations to it (wish 0) by invited_by; unanswered.
CREATE TABLE IF NOT EXISTS `GroupAsk` (
    groupid    INT NOT NULL,
    userid     INT NOT NULL,
    wish       TINYINT NOT NULL,
    invited_by INT NULL,
    asked_at   BIGINT NOT NULL,
    PRIMARY KEY (groupid, wish, userid),
    KEY group_ask_by_user (userid, wish, asked_at),
    KEY group_ask_by_inviter (invited_by)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The mutes of users who have left their group: they hold again when these come back.
CREATE TABLE IF NOT EXISTS `KeptMute` (
    groupid     INT NOT NULL,
    userid      INT NOT NULL,
    muted_until BIGINT NOT NULL,
    PRIMARY KEY (groupid, userid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Which reaction a user has given to a message, or taken back (is_on 0), by which event; and how many have given it, so that
-- nobody need be counted.
CREATE TABLE IF NOT EXISTS `Reaction` (
    conv     BIGINT NOT NULL,
    of_seq   BIGINT NOT NULL,
    reaction VARBINARY(32) NOT NULL,
    userid   INT NOT NULL,
    seq      BIGINT NOT NULL,
    sent_at  BIGINT NOT NULL,
    is_on    TINYINT NOT NULL,
    PRIMARY KEY (conv, of_seq, reaction, userid),
    KEY reaction_by_user (userid, conv, of_seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `ReactionTotal` (
    conv     BIGINT NOT NULL,
    of_seq   BIGINT NOT NULL,
    reaction VARBINARY(32) NOT NULL,
    total    INT NOT NULL,
    since    BIGINT NOT NULL,
    PRIMARY KEY (conv, of_seq, reaction)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What a user sees in the list of sessions. number: of the user's.
ALTER TABLE `AuthToken` ADD COLUMN number INT NOT NULL DEFAULT 0;
ALTER TABLE `AuthToken` ADD COLUMN device VARBINARY(1024) NOT NULL DEFAULT '';
ALTER TABLE `AuthToken` ADD COLUMN address VARCHAR(64) NOT NULL DEFAULT '';
ALTER TABLE `AuthToken` ADD COLUMN since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE `AuthToken` ADD COLUMN used_at BIGINT NOT NULL DEFAULT 0;

-- Tokens that were ended by their user, for nodes that do not hear of it on the bus: their sessions end. Kept for a while.
CREATE TABLE IF NOT EXISTS `EndedToken` (
    token_hash BINARY(32) NOT NULL PRIMARY KEY,
    userid     INT NOT NULL,
    ended_at   BIGINT NOT NULL,
    KEY ended_token_by_time (ended_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Names that were given up, and until when nobody else may take them. of_group: 1 a group's, 0 a user's.
-- (`until` is quoted because TiDB reserves the word.)
CREATE TABLE IF NOT EXISTS `HeldName` (
    of_group TINYINT NOT NULL,
    name_key VARBINARY(255) NOT NULL,
    owner    INT NOT NULL,
    `until`  BIGINT NOT NULL,
    PRIMARY KEY (of_group, name_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Users who were erased and of whom something is left to remove, and where that goes on: src/store/sql/erase.rs.
CREATE TABLE IF NOT EXISTS `ErasedUser` (
    id    INT NOT NULL PRIMARY KEY,
    stage TINYINT NOT NULL DEFAULT 0,
    conv  BIGINT NOT NULL DEFAULT 0,
    seq   BIGINT NOT NULL DEFAULT 0
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE OR REPLACE VIEW `OfflineMessage` AS
    SELECT c.userid AS userid, m.body AS message
    FROM `Cursor` c
    JOIN `Conversation` v ON v.id = c.conv
    JOIN `Message` m ON m.conv = c.conv AND m.seq > c.delivered
    WHERE c.device = 0 AND m.sender <> c.userid AND m.kind = 0 AND m.body <> '' AND (c.conv > 4294967295 OR EXISTS (
        SELECT 1 FROM GroupUser g WHERE g.groupid = c.conv AND g.userid = c.userid AND m.seq > g.joined_seq));
