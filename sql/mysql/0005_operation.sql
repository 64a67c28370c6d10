-- What an administrator needs: accounts that are disabled, quotas of one user, messages that are kept for a time only.

-- A user with disabled_at cannot log in, since then.
ALTER TABLE `User` ADD COLUMN disabled_at BIGINT NULL, ADD KEY user_by_disabled (disabled_at);

-- For how many days the group's messages are kept. 0: for ever. NULL: as retention.days says.
ALTER TABLE `AllGroup` ADD COLUMN retention_days INT NULL, ADD KEY all_group_by_retention (retention_days);

-- The first message that is still there: what was before it was kept long enough. 0: nothing was removed.
ALTER TABLE `Conversation` ADD COLUMN floor_seq BIGINT NOT NULL DEFAULT 0;

-- What administrators have done. who: token, or uid and the number of a user of the machine. subject: user, group, session or
-- node, and its id. No name and no text of anybody stands here: an erased user is to be in no table.
CREATE TABLE IF NOT EXISTS `Audit` (
    id      BIGINT NOT NULL PRIMARY KEY AUTO_INCREMENT,
    at      BIGINT NOT NULL,
    who     VARCHAR(64) NOT NULL,
    action  VARCHAR(32) NOT NULL,
    subject VARCHAR(64) NOT NULL,
    detail  VARCHAR(255) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The quotas of one user that are other ones than the settings say. value 0: no limit.
CREATE TABLE IF NOT EXISTS `UserQuota` (
    userid INT NOT NULL,
    name   VARCHAR(32) NOT NULL,
    value  BIGINT NOT NULL,
    PRIMARY KEY (userid, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Work that one node at a time does: which one, and until when it has said it would.
CREATE TABLE IF NOT EXISTS `Lease` (
    work   VARCHAR(32) NOT NULL PRIMARY KEY,
    holder VARCHAR(32) NOT NULL,
    `until` BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
