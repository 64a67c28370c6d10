-- Stonechat's tables on MySQL and its relatives. Times are milliseconds since 1970 UTC. name_key is the name in lower
-- case, made by the server, so that uniqueness without regard to case means the same on every database. What is
-- compared byte for byte is VARBINARY: the binary collations of the relatives differ about trailing blanks.

CREATE TABLE IF NOT EXISTS `User` (
    id         INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name       VARCHAR(50) NOT NULL,
    name_key   VARBINARY(255) NOT NULL,
    password   VARCHAR(255) NOT NULL,
    state      ENUM('online', 'offline') NOT NULL DEFAULT 'offline',
    created_at BIGINT NOT NULL,
    UNIQUE KEY user_by_name (name_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `Friend` (
    userid   INT NOT NULL,
    friendid INT NOT NULL,
    PRIMARY KEY (userid, friendid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- userid asks friendid.
CREATE TABLE IF NOT EXISTS `FriendRequest` (
    userid     INT NOT NULL,
    friendid   INT NOT NULL,
    msg        MEDIUMTEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (userid, friendid),
    KEY friend_request_to (friendid, created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `AllGroup` (
    id         INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    groupname  VARCHAR(50) NOT NULL,
    name_key   VARBINARY(255) NOT NULL,
    groupdesc  VARCHAR(200) NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE KEY group_by_name (name_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `GroupUser` (
    groupid   INT NOT NULL,
    userid    INT NOT NULL,
    grouprole ENUM('creator', 'normal') NOT NULL DEFAULT 'normal',
    PRIMARY KEY (groupid, userid),
    KEY group_user_by_user (userid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `Conversation` (
    id       BIGINT NOT NULL PRIMARY KEY,
    last_seq BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `Message` (
    conv    BIGINT NOT NULL,
    seq     BIGINT NOT NULL,
    kind    SMALLINT NOT NULL DEFAULT 0,
    sender  INT NOT NULL,
    sent_at BIGINT NOT NULL,
    cid     VARBINARY(1024) NULL,
    body    MEDIUMTEXT NOT NULL,
    PRIMARY KEY (conv, seq),
    KEY message_by_cid (sender, cid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The rows of device 0 are the list of a user's conversations.
CREATE TABLE IF NOT EXISTS `Cursor` (
    userid    INT NOT NULL,
    device    SMALLINT UNSIGNED NOT NULL,
    conv      BIGINT NOT NULL,
    delivered BIGINT NOT NULL,
    read_seq  BIGINT NOT NULL,
    PRIMARY KEY (userid, device, conv)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `Device` (
    userid INT NOT NULL,
    device SMALLINT UNSIGNED NOT NULL,
    name   VARBINARY(1024) NOT NULL,
    PRIMARY KEY (userid, device),
    UNIQUE KEY device_by_name (userid, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `AuthToken` (
    token_hash BINARY(32) NOT NULL PRIMARY KEY,
    userid     INT NOT NULL,
    expires_at BIGINT NOT NULL,
    KEY auth_token_by_user (userid, expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE OR REPLACE VIEW `OfflineMessage` AS
    SELECT c.userid AS userid, m.body AS message
    FROM `Cursor` c
    JOIN `Message` m ON m.conv = c.conv AND m.seq > c.delivered
    WHERE c.device = 0 AND m.sender <> c.userid;
