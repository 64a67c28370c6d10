-- A database of schema version 1, as stonechat 0.1.0 made it on MariaDB: rows of every table, made by clients of the server
-- of commit 68d99da. Password of user N: `pw of N`. Only the ends of the tokens were moved, into the year 2100.
-- Token of user 1: 4b70815545467680dd92f160c9b827d08ac689daf9d9a72b10f1822090e7b303
-- Token of user 1 (phone): ec70fb5c384d06a36d8119df9de47e22755b9bd6cbcff3a6554ab9c44cb29160
-- Token of user 2: a3183223aa671eb49e0da2bc84a3d8234e4b63eb904250236245e5ebf959f4fe

CREATE TABLE `User` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(50) NOT NULL,
  `name_key` varbinary(255) NOT NULL,
  `password` varchar(255) NOT NULL,
  `state` enum('online','offline') NOT NULL DEFAULT 'offline',
  `created_at` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `user_by_name` (`name_key`)
) ENGINE=InnoDB AUTO_INCREMENT=13 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`) VALUES (1,'anna',0x616E6E61,'$argon2id$v=19$m=19456,t=2,p=1$kgtO30hOpQ6+JCKIVPbi5w$FBuhuHzbISS3nVnyl6O0NeRZ/IubczH1G+XiPKaoZ/0','offline',1795636119944);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`) VALUES (2,'ben',0x62656E,'$argon2id$v=19$m=19456,t=2,p=1$5e7CAZWaXM8NlH1bk/+/Bw$u3Zcc3mrIb4ebnIqAiw0m0sZyx+OkT/QbkPOBXFS+ek','offline',1795636120403);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`) VALUES (3,'ΛΟΓΟΣ',0xCEBBCEBFCEB3CEBFCF82,'$argon2id$v=19$m=19456,t=2,p=1$wCEDPjhazhgbOZlZy9N3kQ$eaFnd0WUhC52R4nUr04OYBdouvAfWmK0sS1OTJF59A4','offline',1795636120700);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`) VALUES (4,'λογοσ',0xCEBBCEBFCEB3CEBFCF83,'$argon2id$v=19$m=19456,t=2,p=1$6BueyIL1OJPOJLz3H/2uSA$J9xwTuKb5H1TJNZduEaAy9HknHtiFZe0tXJvWrxynxc','offline',1795636120955);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`) VALUES (5,'anna​',0x616E6E61E2808B,'$argon2id$v=19$m=19456,t=2,p=1$hwCvoS+9QLhDrVeqv1rLRg$JbN6H58/P8WDl2qPEvkKmXNUs/JGh0wof/5zilCQVv0','offline',1795636121038);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`) VALUES (6,'12345',0x3132333435,'$argon2id$v=19$m=19456,t=2,p=1$GhGdTmlle6ga2iFWuXnB/A$AKNjS1wLsyHLeWESwKXzB0GdJTn6FFtFASKW2b8ON4o','offline',1795636121269);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`) VALUES (7,'#chess',0x236368657373,'$argon2id$v=19$m=19456,t=2,p=1$zzi8oiEKnjxNYCnG4GyaBw$8jtOV/gsXlg8CP0PbA6DiBWfL2F/ZV+rEtcxMxxVHFk','offline',1795636121471);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`) VALUES (8,'O\'Brien',0x6F27627269656E,'$argon2id$v=19$m=19456,t=2,p=1$mribkc7SymWD0rHehUTp7g$gg3vyuNQ2br/ynBUVOvEGLPJ7G4f0A7OWpwLy1ftKxA','offline',1795636121610);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`) VALUES (9,'café',0x636166C3A9,'$argon2id$v=19$m=19456,t=2,p=1$EaHI3/EgdZUcrbwrfng0qA$kq4FQt6F7UVsC+ES5gC63S/Aq53/dMFNJO4PIMRQ5pc','offline',1795636121871);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`) VALUES (10,'café',0x63616665CC81,'$argon2id$v=19$m=19456,t=2,p=1$HJsyx75xD2AWeSKeiyR74w$Cc26W9vfvyz9x9RKTZch/DaadERrsXsMJNt3S2JsgI0','offline',1795636122164);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`) VALUES (11,'张三 😀',0xE5BCA0E4B88920F09F9880,'$argon2id$v=19$m=19456,t=2,p=1$YCiTbbspAjE9uXEzwNQ2KA$MXCnTrTxlKSB1I442TwGd+cWCl7AXyn44eAbWaOX9Dw','offline',1795636122461);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`) VALUES (12,'Ａnna',0xEFBD816E6E61,'$argon2id$v=19$m=19456,t=2,p=1$r9h6oPxgVOZZb+QKw/tRJQ$vYV2wr10lZwsZtc0PzqH0+DmalnxabRJjBm+wsPe9gU','offline',1795636122810);
CREATE TABLE `Friend` (
  `userid` int(11) NOT NULL,
  `friendid` int(11) NOT NULL,
  PRIMARY KEY (`userid`,`friendid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Friend` (`userid`, `friendid`) VALUES (1,2);
INSERT INTO `Friend` (`userid`, `friendid`) VALUES (2,1);
CREATE TABLE `FriendRequest` (
  `userid` int(11) NOT NULL,
  `friendid` int(11) NOT NULL,
  `msg` mediumtext NOT NULL,
  `created_at` bigint(20) NOT NULL,
  PRIMARY KEY (`userid`,`friendid`),
  KEY `friend_request_to` (`friendid`,`created_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `FriendRequest` (`userid`, `friendid`, `msg`, `created_at`) VALUES (1,3,'\"we met in \\\"Oslo\\\"\"',1795636123853);
INSERT INTO `FriendRequest` (`userid`, `friendid`, `msg`, `created_at`) VALUES (2,4,'\"\"',1795636123855);
CREATE TABLE `AllGroup` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `groupname` varchar(50) NOT NULL,
  `name_key` varbinary(255) NOT NULL,
  `groupdesc` varchar(200) NOT NULL,
  `created_at` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `group_by_name` (`name_key`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `AllGroup` (`id`, `groupname`, `name_key`, `groupdesc`, `created_at`) VALUES (1,'chess',0x6368657373,'Thursdays at eight',1795636123858);
INSERT INTO `AllGroup` (`id`, `groupname`, `name_key`, `groupdesc`, `created_at`) VALUES (2,'Ａnna\'s',0xEFBD816E6E612773,'',1795636123863);
INSERT INTO `AllGroup` (`id`, `groupname`, `name_key`, `groupdesc`, `created_at`) VALUES (3,'CHESS​',0x6368657373E2808B,'an imitation',1795636123868);
CREATE TABLE `GroupUser` (
  `groupid` int(11) NOT NULL,
  `userid` int(11) NOT NULL,
  `grouprole` enum('creator','normal') NOT NULL DEFAULT 'normal',
  PRIMARY KEY (`groupid`,`userid`),
  KEY `group_user_by_user` (`userid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`) VALUES (1,1,'creator');
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`) VALUES (1,2,'normal');
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`) VALUES (1,8,'normal');
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`) VALUES (2,2,'creator');
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`) VALUES (3,2,'creator');
CREATE TABLE `Conversation` (
  `id` bigint(20) NOT NULL,
  `last_seq` bigint(20) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Conversation` (`id`, `last_seq`) VALUES (1,7);
INSERT INTO `Conversation` (`id`, `last_seq`) VALUES (2,0);
INSERT INTO `Conversation` (`id`, `last_seq`) VALUES (3,0);
INSERT INTO `Conversation` (`id`, `last_seq`) VALUES (4294967298,8);
INSERT INTO `Conversation` (`id`, `last_seq`) VALUES (4294967301,1);
INSERT INTO `Conversation` (`id`, `last_seq`) VALUES (4294967308,1);
CREATE TABLE `Message` (
  `conv` bigint(20) NOT NULL,
  `seq` bigint(20) NOT NULL,
  `kind` smallint(6) NOT NULL DEFAULT 0,
  `sender` int(11) NOT NULL,
  `sent_at` bigint(20) NOT NULL,
  `cid` varbinary(1024) DEFAULT NULL,
  `body` mediumtext NOT NULL,
  PRIMARY KEY (`conv`,`seq`),
  KEY `message_by_cid` (`sender`,`cid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (1,1,0,1,1795636124987,0x6731,'{\"msg\":\"group 1\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (1,2,0,2,1795636125010,0x6732,'{\"msg\":\"group 2\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (1,3,0,1,1795636125012,0x6733,'{\"msg\":\"group 3\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (1,4,0,2,1795636125019,0x6734,'{\"msg\":\"group 4\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (1,5,0,1,1795636125021,0x6735,'{\"msg\":\"group 5\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (1,6,0,2,1795636125023,0x6736,'{\"msg\":\"group 6\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (1,7,0,1,1795636125024,0x6737,'{\"msg\":\"group 7\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,1,0,1,1795636124969,0x31,'{\"msg\":\"line 1 \'quoted\' \\\"twice\\\" \\\\ back\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,2,0,1,1795636124977,0x32,'{\"msg\":\"line 2 \'quoted\' \\\"twice\\\" \\\\ back\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,3,0,1,1795636124980,0x33,'{\"msg\":\"line 3 \'quoted\' \\\"twice\\\" \\\\ back\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,4,0,1,1795636124981,0x34,'{\"msg\":\"line 4 \'quoted\' \\\"twice\\\" \\\\ back\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,5,0,1,1795636124983,0x35,'{\"msg\":\"line 5 \'quoted\' \\\"twice\\\" \\\\ back\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,6,0,2,1795636124983,0x37,'{\"msg\":\"é 😀  \",\"ext\":{\"type\": \"text/plain\", \"n\": 1}}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,7,0,2,1795636124985,NULL,'{\"msg\":\"no cid\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,8,0,1,1795636124986,0x36626137623831302D39646164,'{\"msg\":\"uuid\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967301,1,0,1,1795636125026,NULL,'{\"msg\":\"to the imitation\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967308,1,0,1,1795636125025,0x77,'{\"msg\":\"to the wide one\"}');
CREATE TABLE `Cursor` (
  `userid` int(11) NOT NULL,
  `device` smallint(5) unsigned NOT NULL,
  `conv` bigint(20) NOT NULL,
  `delivered` bigint(20) NOT NULL,
  `read_seq` bigint(20) NOT NULL,
  PRIMARY KEY (`userid`,`device`,`conv`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (1,0,1,1,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (1,0,4294967298,5,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (1,0,4294967301,1,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (1,0,4294967308,1,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (1,1,1,7,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (1,1,4294967298,8,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (1,1,4294967301,1,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (1,1,4294967308,1,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (2,0,1,4,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (2,0,2,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (2,0,3,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (2,0,4294967298,3,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (5,0,4294967301,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (8,0,1,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (12,0,4294967308,0,0);
CREATE TABLE `Device` (
  `userid` int(11) NOT NULL,
  `device` smallint(5) unsigned NOT NULL,
  `name` varbinary(1024) NOT NULL,
  PRIMARY KEY (`userid`,`device`),
  UNIQUE KEY `device_by_name` (`userid`,`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Device` (`userid`, `device`, `name`) VALUES (1,1,0x70686F6E65);
CREATE TABLE `AuthToken` (
  `token_hash` binary(32) NOT NULL,
  `userid` int(11) NOT NULL,
  `expires_at` bigint(20) NOT NULL,
  PRIMARY KEY (`token_hash`),
  KEY `auth_token_by_user` (`userid`,`expires_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`) VALUES (0x385CC3DD95FF25923A2556BCC46BF7A12E7E2AD9BC3367DBE98469A42C1EE0C5,8,4102444800000);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`) VALUES (0x9A413D6C6CD1B35CC683D10716578E8F16301FA728E162DD83306D74622A7361,1,4102444800000);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`) VALUES (0x9A86E124AE36AFC4C7C30403B7FFE3C056F7813C19A08C4795E7754D5B343CC3,2,4102444800000);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`) VALUES (0xAE28C15A065BB51CC80DC281105F2436C2E5EE83AEA7712AD73051EA860C9EC7,1,4102444800000);
CREATE TABLE `SchemaVersion` (
  `version` int(11) NOT NULL,
  `applied_at` bigint(20) NOT NULL,
  PRIMARY KEY (`version`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `SchemaVersion` (`version`, `applied_at`) VALUES (1,1795636117312);
CREATE OR REPLACE VIEW `OfflineMessage` AS
    SELECT c.userid AS userid, m.body AS message
    FROM `Cursor` c
    JOIN `Message` m ON m.conv = c.conv AND m.seq > c.delivered
    WHERE c.device = 0 AND m.sender <> c.userid;
