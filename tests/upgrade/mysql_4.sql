-- A database of schema version 4, as stonechat 0.5.0 made it on MariaDB: rows of all tables in which rows
-- stay, made by clients of the server of commit 8b52973 (scripts/schema-dump). Password of user N: `pw of N`.
-- Only what ends by itself was moved, into the year 2100.
-- Token of user 1: 744b0edff53f124dfcd9c5501e92a66bbdc0591fd3eb745a2c5b56eeee9a3989
-- Token of user 1 (phone): 8bceede541fb96e93e103229d301d88739392ad5cdd74465c4619eee485451b4
-- Token of user 2 (läp\top 💻): eeb9651f74394909924bb2fa96b1d6fbf1985bfeb950fe7b4bf455cda48b2b3b
-- Token of user 6: dbfe79888811bcddc9acd344a335ee35f69d25ba6f08fd80e5f1a7818d4e8ae2

CREATE TABLE `AllGroup` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `groupname` varchar(50) NOT NULL,
  `name_key` varbinary(255) NOT NULL,
  `groupdesc` varchar(200) NOT NULL,
  `created_at` bigint(20) NOT NULL,
  `members` int(11) NOT NULL DEFAULT 0,
  `joining` varchar(8) NOT NULL DEFAULT 'open',
  `history` varchar(8) NOT NULL DEFAULT 'all',
  PRIMARY KEY (`id`),
  UNIQUE KEY `group_by_name` (`name_key`)
) ENGINE=InnoDB AUTO_INCREMENT=52 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `AllGroup` (`id`, `groupname`, `name_key`, `groupdesc`, `created_at`, `members`, `joining`, `history`) VALUES (1,'chess',0x6368657373,'Thursdays at nine',1795772027953,5,'ask','joined');
INSERT INTO `AllGroup` (`id`, `groupname`, `name_key`, `groupdesc`, `created_at`, `members`, `joining`, `history`) VALUES (2,'weiqi',0x7765697169,'it\'s \"quoted\" \\ 😀',1795772027958,2,'invite','all');
INSERT INTO `AllGroup` (`id`, `groupname`, `name_key`, `groupdesc`, `created_at`, `members`, `joining`, `history`) VALUES (51,'reading',0x72656164696E67,'books',1795772032197,2,'open','all');
CREATE TABLE `AuthToken` (
  `token_hash` binary(32) NOT NULL,
  `userid` int(11) NOT NULL,
  `expires_at` bigint(20) NOT NULL,
  `number` int(11) NOT NULL DEFAULT 0,
  `device` varbinary(1024) NOT NULL DEFAULT '',
  `address` varchar(64) NOT NULL DEFAULT '',
  `since` bigint(20) NOT NULL DEFAULT 0,
  `used_at` bigint(20) NOT NULL DEFAULT 0,
  PRIMARY KEY (`token_hash`),
  KEY `auth_token_by_user` (`userid`,`expires_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0x07D99D80498A51638C22124B1A029E53A908DFAC95DF5D24623693AC853A76F4,3,4102444800000,1,'','127.0.0.1',1795772027751,1795772027751);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0x0CAD541F8EDE7CD4634344270C7E0F33E8E2F4E63C211CFD91520D18B4E83FD5,1,4102444800000,1,'','127.0.0.1',1795772027428,1795772027428);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0x11C3C5DA2476EA41BEE83BACD18221AC8B34FF457339B9E06E519BF296589231,11,4102444800000,1,'','127.0.0.1',1795772027879,1795772027879);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0x163D049DD8C5DD7EF45DDFECF62D6A71A8764A7E98D056FC29F3FB6016299860,6,4102444800000,1,'','127.0.0.1',1795772027788,1795772027788);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0x385CFF8697348EC628F8D392A4424B042310CF90C9E6D09E63E8F8494E4118D2,1,4102444800000,2,0x70686F6E65,'127.0.0.1',1795772027910,1795772027910);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0x444A047A8EC00E5C1AE4AB87A618A2147B42835516E2710E665A359D4EC3DC9A,7,4102444800000,1,'','127.0.0.1',1795772027806,1795772027806);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0x74D440A1B095322E8DFE59F21F01F71101D6A9EAC3FE33E784EE0BA258E40B68,4,4102444800000,1,'','127.0.0.1',1795772027770,1795772027770);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0xD00CB2B90D55CA7454DF4E98A998DFE560DA62B92704586789B57918BBCB86C0,2,4102444800000,1,'','127.0.0.1',1795772027717,1795772027717);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0xEEF9B63242B13BF82123BC160B4F4B64C2B4E10EB4B0F06973EBF6DB83C6E299,2,4102444800000,2,0x6CC3A4705C746F7020F09F92BB,'127.0.0.1',1795772027932,1795772027932);
CREATE TABLE `Block` (
  `userid` int(11) NOT NULL,
  `blocked` int(11) NOT NULL,
  PRIMARY KEY (`userid`,`blocked`),
  KEY `block_by_blocked` (`blocked`,`userid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Block` (`userid`, `blocked`) VALUES (2,11);
CREATE TABLE `Cluster` (
  `one` tinyint(4) NOT NULL,
  `id` varchar(32) NOT NULL,
  `epoch` varchar(32) NOT NULL,
  PRIMARY KEY (`one`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Cluster` (`one`, `id`, `epoch`) VALUES (1,'1e31a4c09e883f0ded0095771c3224f8','e9e67743db6807910d8dc21b184ac282');
CREATE TABLE `Conversation` (
  `id` bigint(20) NOT NULL,
  `last_seq` bigint(20) NOT NULL,
  `rules` int(11) NOT NULL DEFAULT 0,
  `last_msg` bigint(20) NOT NULL DEFAULT 0,
  `active_at` bigint(20) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`) VALUES (1,12,0,12,1795772029357);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`) VALUES (2,0,8,0,1795772027958);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`) VALUES (51,0,0,0,1795772032197);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`) VALUES (4294967298,18,0,18,1795772029356);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`) VALUES (4294967306,1,4,1,1795772028232);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`) VALUES (8589934600,1,0,1,1795772029358);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`) VALUES (8589934603,0,1,0,0);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`) VALUES (12884901895,1,0,1,1795772028058);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`) VALUES (433791696998,1,0,1,1659312000000);
CREATE TABLE `Cursor` (
  `userid` int(11) NOT NULL,
  `device` int(10) unsigned NOT NULL,
  `conv` bigint(20) NOT NULL,
  `delivered` bigint(20) NOT NULL,
  `read_seq` bigint(20) NOT NULL,
  `flags` int(11) NOT NULL DEFAULT 0,
  PRIMARY KEY (`userid`,`device`,`conv`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (1,0,1,1,0,3);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (1,0,2,0,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (1,0,4294967298,8,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (1,0,4294967306,0,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (1,1,1,6,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (1,1,2,0,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (1,1,4294967298,15,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (2,0,1,0,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (2,0,2,0,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (2,0,4294967298,6,6,2);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (2,0,8589934600,0,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (2,1,1,0,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (2,1,2,0,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (3,0,1,7,7,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (3,0,12884901895,0,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (3,1,1,11,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (3,1,12884901895,1,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (6,0,1,4,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (7,0,1,11,8,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (7,0,12884901895,1,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (8,0,8589934600,0,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (101,0,51,0,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (101,0,433791696998,1,1,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (102,0,51,0,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (102,0,433791696998,0,0,0);
CREATE TABLE `DeletedGroup` (
  `id` int(11) NOT NULL,
  `deleted_at` bigint(20) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE `Device` (
  `userid` int(11) NOT NULL,
  `device` int(10) unsigned NOT NULL,
  `name` varbinary(1024) NOT NULL,
  `used` bigint(20) NOT NULL DEFAULT 0,
  PRIMARY KEY (`userid`,`device`),
  UNIQUE KEY `device_by_name` (`userid`,`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Device` (`userid`, `device`, `name`, `used`) VALUES (1,1,0x70686F6E65,1);
INSERT INTO `Device` (`userid`, `device`, `name`, `used`) VALUES (2,1,0x6CC3A4705C746F7020F09F92BB,1);
INSERT INTO `Device` (`userid`, `device`, `name`, `used`) VALUES (3,1,0x6C6F7374,1);
CREATE TABLE `EndedToken` (
  `token_hash` binary(32) NOT NULL,
  `userid` int(11) NOT NULL,
  `ended_at` bigint(20) NOT NULL,
  PRIMARY KEY (`token_hash`),
  KEY `ended_token_by_time` (`ended_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `EndedToken` (`token_hash`, `userid`, `ended_at`) VALUES (0x328ABC3C91470876976F9F6B8E7EEA474B79FA459A0BF1DF2402CA657AD4A2FE,10,4102444800000);
INSERT INTO `EndedToken` (`token_hash`, `userid`, `ended_at`) VALUES (0xBC83E7AF149AA69FAE910A5B01907DBDD355BF9D9BF5B628D3E136C8AC02B4CE,3,4102444800000);
CREATE TABLE `ErasedUser` (
  `id` int(11) NOT NULL,
  `stage` tinyint(4) NOT NULL DEFAULT 0,
  `conv` bigint(20) NOT NULL DEFAULT 0,
  `seq` bigint(20) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE `Friend` (
  `userid` int(11) NOT NULL,
  `friendid` int(11) NOT NULL,
  PRIMARY KEY (`userid`,`friendid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Friend` (`userid`, `friendid`) VALUES (1,2);
INSERT INTO `Friend` (`userid`, `friendid`) VALUES (1,3);
INSERT INTO `Friend` (`userid`, `friendid`) VALUES (2,1);
INSERT INTO `Friend` (`userid`, `friendid`) VALUES (2,6);
INSERT INTO `Friend` (`userid`, `friendid`) VALUES (3,1);
INSERT INTO `Friend` (`userid`, `friendid`) VALUES (6,2);
INSERT INTO `Friend` (`userid`, `friendid`) VALUES (101,102);
INSERT INTO `Friend` (`userid`, `friendid`) VALUES (102,101);
CREATE TABLE `FriendRequest` (
  `userid` int(11) NOT NULL,
  `friendid` int(11) NOT NULL,
  `msg` mediumtext NOT NULL,
  `created_at` bigint(20) NOT NULL,
  PRIMARY KEY (`userid`,`friendid`),
  KEY `friend_request_to` (`friendid`,`created_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `FriendRequest` (`userid`, `friendid`, `msg`, `created_at`) VALUES (4,1,'\"we met in \\\"Oslo\\\" \\\\ 中文\"',1795772027947);
INSERT INTO `FriendRequest` (`userid`, `friendid`, `msg`, `created_at`) VALUES (9,2,'\"\"',1795772027949);
CREATE TABLE `GroupAsk` (
  `groupid` int(11) NOT NULL,
  `userid` int(11) NOT NULL,
  `wish` tinyint(4) NOT NULL,
  `invited_by` int(11) DEFAULT NULL,
  `asked_at` bigint(20) NOT NULL,
  PRIMARY KEY (`groupid`,`wish`,`userid`),
  KEY `group_ask_by_user` (`userid`,`wish`,`asked_at`),
  KEY `group_ask_by_inviter` (`invited_by`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `GroupAsk` (`groupid`, `userid`, `wish`, `invited_by`, `asked_at`) VALUES (1,11,1,NULL,1795772028122);
INSERT INTO `GroupAsk` (`groupid`, `userid`, `wish`, `invited_by`, `asked_at`) VALUES (2,9,0,2,1795772028126);
CREATE TABLE `GroupBan` (
  `groupid` int(11) NOT NULL,
  `userid` int(11) NOT NULL,
  `banned_at` bigint(20) NOT NULL,
  PRIMARY KEY (`groupid`,`userid`),
  KEY `group_ban_by_user` (`userid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `GroupBan` (`groupid`, `userid`, `banned_at`) VALUES (1,12,1795772028114);
CREATE TABLE `GroupUser` (
  `groupid` int(11) NOT NULL,
  `userid` int(11) NOT NULL,
  `grouprole` enum('creator','normal','admin') NOT NULL DEFAULT 'normal',
  `muted_until` bigint(20) NOT NULL DEFAULT 0,
  `joined_seq` bigint(20) NOT NULL DEFAULT 0,
  PRIMARY KEY (`groupid`,`userid`),
  KEY `group_user_by_user` (`userid`),
  KEY `group_user_by_role` (`groupid`,`grouprole`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`, `muted_until`, `joined_seq`) VALUES (1,1,'creator',0,0);
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`, `muted_until`, `joined_seq`) VALUES (1,2,'admin',0,0);
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`, `muted_until`, `joined_seq`) VALUES (1,3,'normal',0,0);
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`, `muted_until`, `joined_seq`) VALUES (1,6,'normal',4102444800000,0);
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`, `muted_until`, `joined_seq`) VALUES (1,7,'normal',0,8);
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`, `muted_until`, `joined_seq`) VALUES (2,1,'normal',0,0);
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`, `muted_until`, `joined_seq`) VALUES (2,2,'creator',0,0);
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`, `muted_until`, `joined_seq`) VALUES (51,101,'creator',0,0);
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`, `muted_until`, `joined_seq`) VALUES (51,102,'normal',0,0);
CREATE TABLE `HeldName` (
  `of_group` tinyint(4) NOT NULL,
  `name_key` varbinary(255) NOT NULL,
  `owner` int(11) NOT NULL,
  `until` bigint(20) NOT NULL,
  PRIMARY KEY (`of_group`,`name_key`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `HeldName` (`of_group`, `name_key`, `owner`, `until`) VALUES (0,0x6361726C,9,4102444800000);
INSERT INTO `HeldName` (`of_group`, `name_key`, `owner`, `until`) VALUES (0,0x646F7261,10,4102444800000);
INSERT INTO `HeldName` (`of_group`, `name_key`, `owner`, `until`) VALUES (1,0x676F202620E59BB4E6A38B,2,4102444800000);
CREATE TABLE `Imported` (
  `kind` tinyint(4) NOT NULL,
  `id` bigint(20) NOT NULL,
  `mark` bigint(20) NOT NULL,
  PRIMARY KEY (`kind`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Imported` (`kind`, `id`, `mark`) VALUES (1,101,6251098711896637256);
INSERT INTO `Imported` (`kind`, `id`, `mark`) VALUES (1,102,-2904406053908594233);
INSERT INTO `Imported` (`kind`, `id`, `mark`) VALUES (2,51,-2647138771888659538);
INSERT INTO `Imported` (`kind`, `id`, `mark`) VALUES (3,433791696998,0);
INSERT INTO `Imported` (`kind`, `id`, `mark`) VALUES (4,219043332197,0);
INSERT INTO `Imported` (`kind`, `id`, `mark`) VALUES (4,219043332198,0);
CREATE TABLE `KeptMute` (
  `groupid` int(11) NOT NULL,
  `userid` int(11) NOT NULL,
  `muted_until` bigint(20) NOT NULL,
  PRIMARY KEY (`groupid`,`userid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `KeptMute` (`groupid`, `userid`, `muted_until`) VALUES (1,4,4102444800000);
CREATE TABLE `Message` (
  `conv` bigint(20) NOT NULL,
  `seq` bigint(20) NOT NULL,
  `kind` smallint(6) NOT NULL DEFAULT 0,
  `sender` int(11) NOT NULL,
  `sent_at` bigint(20) NOT NULL,
  `cid` varbinary(1024) DEFAULT NULL,
  `body` mediumtext NOT NULL,
  `of_seq` bigint(20) DEFAULT NULL,
  `edited_seq` bigint(20) DEFAULT NULL,
  `edited_at` bigint(20) DEFAULT NULL,
  `reacted` tinyint(4) NOT NULL DEFAULT 0,
  PRIMARY KEY (`conv`,`seq`),
  KEY `message_by_cid` (`sender`,`cid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,1,0,1,1795772028029,0x672D30,'{\"msg\":\"plain\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,2,0,2,1795772028048,0x672D31,'{\"msg\":\"it\'s \\\"quoted\\\" \\\\ back\\\\slash\"}',NULL,NULL,NULL,1);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,3,0,1,1795772028051,0x672D32,'',NULL,11,1795772028166,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,4,0,2,1795772028052,0x672D33,'{\"msg\":\"\\u0000 \\ud83e\\udd8a \\u2028\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,5,0,1,1795772028053,0x672D34,'{\"msg\":\"  raw\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,6,0,2,1795772028054,0x672D35,'{\"msg\":\"100%_ -- ; DROP TABLE User\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,7,0,1,1795772028055,0x672D36,'{\"msg\":\"\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,8,0,2,1795772028056,0x672D37,'{\"msg\":\"line\\nline\\ttab\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,9,3,1,1795772028142,NULL,'',2,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,10,3,3,1795772028148,NULL,'',2,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,11,2,2,1795772028166,NULL,'',3,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,12,0,2,1795772029357,NULL,'{\"msg\":\"to all who are away\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,1,0,1,1795772028005,0x742D30,'{\"msg\":\"plain\"}',NULL,NULL,NULL,1);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,2,0,1,1795772028011,0x742D31,'{\"msg\":\"edited: \\\"2\\\" \\\\ 🦊\"}',NULL,10,1795772028128,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,3,0,1,1795772028013,0x742D32,'{\"msg\":\"é 😀 👩‍👩‍👧 中文\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,4,0,1,1795772028017,0x742D33,'{\"msg\":\"\\u0000 \\ud83e\\udd8a \\u2028\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,5,0,1,1795772028022,0x742D34,'{\"msg\":\"  raw\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,6,0,1,1795772028024,0x742D35,'',NULL,11,1795772028130,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,7,0,1,1795772028025,0x742D36,'{\"msg\":\"\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,8,0,1,1795772028026,0x742D37,'{\"msg\":\"line\\nline\\ttab\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,9,0,2,1795772028027,0x016933,'{\"msg\":\"good morning\",\"ext\":{\"type\": \"text/plain\", \"n\": [1, null]}}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,10,1,1,1795772028128,0x652D31,'',2,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,11,2,1,1795772028130,0x722D31,'',6,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,12,3,2,1795772028133,NULL,'',1,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,13,3,1,1795772028137,NULL,'',1,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,14,3,1,1795772028139,NULL,'',1,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,15,3,2,1795772028140,NULL,'',1,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,16,0,2,1795772029353,0x617761792D30,'{\"msg\":\"while you are away 0\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,17,0,2,1795772029355,0x617761792D31,'{\"msg\":\"while you are away 1\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,18,0,2,1795772029356,0x617761792D32,'{\"msg\":\"while you are away 2\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967306,1,0,10,1795772028232,NULL,'',NULL,NULL,1795772029135,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (8589934600,1,0,2,1795772029358,0x016937,'{\"msg\":\"to one who was never there\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (12884901895,1,0,7,1795772028058,NULL,'{\"msg\":\"no cid\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (433791696998,1,0,101,1659312000000,0x696D706F72742D3138623065336333393564333565353135616135393364393664633265386463,'{\"msg\":\"早上好\"}',NULL,NULL,NULL,0);
CREATE TABLE `Node` (
  `id` varchar(16) NOT NULL,
  `seen_at` bigint(20) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE `Reaction` (
  `conv` bigint(20) NOT NULL,
  `of_seq` bigint(20) NOT NULL,
  `reaction` varbinary(32) NOT NULL,
  `userid` int(11) NOT NULL,
  `seq` bigint(20) NOT NULL,
  `sent_at` bigint(20) NOT NULL,
  `is_on` tinyint(4) NOT NULL,
  PRIMARY KEY (`conv`,`of_seq`,`reaction`,`userid`),
  KEY `reaction_by_user` (`userid`,`conv`,`of_seq`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Reaction` (`conv`, `of_seq`, `reaction`, `userid`, `seq`, `sent_at`, `is_on`) VALUES (1,2,0xF09F8E89,1,9,1795772028142,1);
INSERT INTO `Reaction` (`conv`, `of_seq`, `reaction`, `userid`, `seq`, `sent_at`, `is_on`) VALUES (1,2,0xF09F8E89,3,10,1795772028148,1);
INSERT INTO `Reaction` (`conv`, `of_seq`, `reaction`, `userid`, `seq`, `sent_at`, `is_on`) VALUES (4294967298,1,0x5C6F2F,1,14,1795772028139,1);
INSERT INTO `Reaction` (`conv`, `of_seq`, `reaction`, `userid`, `seq`, `sent_at`, `is_on`) VALUES (4294967298,1,0xF09F918D,1,13,1795772028137,1);
INSERT INTO `Reaction` (`conv`, `of_seq`, `reaction`, `userid`, `seq`, `sent_at`, `is_on`) VALUES (4294967298,1,0xF09F918D,2,15,1795772028140,0);
CREATE TABLE `ReactionTotal` (
  `conv` bigint(20) NOT NULL,
  `of_seq` bigint(20) NOT NULL,
  `reaction` varbinary(32) NOT NULL,
  `total` int(11) NOT NULL,
  `since` bigint(20) NOT NULL,
  PRIMARY KEY (`conv`,`of_seq`,`reaction`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `ReactionTotal` (`conv`, `of_seq`, `reaction`, `total`, `since`) VALUES (1,2,0xF09F8E89,2,9);
INSERT INTO `ReactionTotal` (`conv`, `of_seq`, `reaction`, `total`, `since`) VALUES (4294967298,1,0x5C6F2F,1,14);
INSERT INTO `ReactionTotal` (`conv`, `of_seq`, `reaction`, `total`, `since`) VALUES (4294967298,1,0xF09F918D,1,12);
CREATE TABLE `SchemaVersion` (
  `version` int(11) NOT NULL,
  `applied_at` bigint(20) NOT NULL,
  PRIMARY KEY (`version`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `SchemaVersion` (`version`, `applied_at`) VALUES (1,1795772024261);
INSERT INTO `SchemaVersion` (`version`, `applied_at`) VALUES (2,1795772024824);
INSERT INTO `SchemaVersion` (`version`, `applied_at`) VALUES (3,1795772026646);
INSERT INTO `SchemaVersion` (`version`, `applied_at`) VALUES (4,1795772026753);
CREATE TABLE `User` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(50) NOT NULL,
  `name_key` varbinary(255) NOT NULL,
  `password` varchar(255) NOT NULL,
  `state` enum('online','offline') NOT NULL DEFAULT 'offline',
  `created_at` bigint(20) NOT NULL,
  `state_node` varchar(16) DEFAULT NULL,
  `profile` text DEFAULT NULL,
  `erased_at` bigint(20) DEFAULT NULL,
  `asked` tinyint(4) NOT NULL DEFAULT 1,
  `dialect` varchar(16) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `user_by_name` (`name_key`),
  KEY `user_by_state_node` (`state_node`)
) ENGINE=InnoDB AUTO_INCREMENT=103 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`) VALUES (1,'anna',0x616E6E61,'$argon2id$v=19$m=19456,t=2,p=1$xgLRikkrp31xrH0mXrzZMQ$HS4wZaHMJySi0boo1Z0Dgn0fvyv07LbgztJsmJgvZ4c','offline',1795772027021,NULL,'{\"status\": \"in \\\"Oslo\\\" \\\\ 🦊\", \"n\": 1.5}',NULL,1,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`) VALUES (2,'Ben',0x62656E,'$argon2id$v=19$m=19456,t=2,p=1$MILF0Eky7EwWD5tMl1Za4Q$Xsf4GYOGiJzPUgQl1USiUcdMxxfSDFtFsKNeDjL2XYw','offline',1795772027045,NULL,NULL,NULL,1,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`) VALUES (3,'ΛΟΓΟΣ',0xCEBBCEBFCEB3CEBFCF83,'$argon2id$v=19$m=19456,t=2,p=1$Psa0wfn0KAdaDx5LIMCkNw$Z0E8I7qXzQKvqPMtKQx3rsJ8NGJen6lFtyIZYND/ohA','offline',1795772027089,NULL,NULL,NULL,0,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`) VALUES (4,'O\'Brien',0x6F27627269656E,'$argon2id$v=19$m=19456,t=2,p=1$Azb5FObrZYSF8sb5NPpZUA$i4JsVENlQs3mE3OPwMBCJiuATcV9e25y2Exw7JzeOmI','offline',1795772027106,NULL,NULL,NULL,0,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`) VALUES (5,'café',0x636166C3A9,'$argon2id$v=19$m=19456,t=2,p=1$bah5WSJJ8VKrty5DO9EPAg$8moyL4iS6Dt0PU2rbqS9oY/hQ9WFpZwODEwpbHjnO6Q','offline',1795772027122,NULL,NULL,NULL,0,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`) VALUES (6,'张三 😀',0xE5BCA0E4B88920F09F9880,'$argon2id$v=19$m=19456,t=2,p=1$h60ifoCC8dF7kVzu88oFig$2vp7An6J1EMA/h0j1LS+HMmZr45z7raB8huLO0pYVic','offline',1795772027138,NULL,NULL,NULL,0,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`) VALUES (7,'back\\slash \"q\"',0x6261636B5C736C61736820227122,'$argon2id$v=19$m=19456,t=2,p=1$4KyLGQ7EaCAwLVy1uHcVpQ$BZe15ALL2DaGtk6UsJqAk4X2tP/GSOGRUr5H58yKNsE','offline',1795772027154,NULL,NULL,NULL,0,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`) VALUES (8,'100%_sure',0x313030255F73757265,'$argon2id$v=19$m=19456,t=2,p=1$msubo97AU6V5LTpnh9xmZA$gAk6ZoPVqlGcWGsIhKgG4ii/YLdrYagmgyQCf4gfkOc','offline',1795772027170,NULL,NULL,NULL,0,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`) VALUES (9,'Carlo',0x6361726C6F,'$argon2id$v=19$m=19456,t=2,p=1$mb0lSC/F9nlVzDE3fiB/9A$bbUM868STogDeQGa0/Azh+pNXBCnfKIUA126M19/KjE','offline',1795772027186,NULL,NULL,NULL,1,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`) VALUES (10,'',0x006572617365642D3130,'','offline',1795772027202,NULL,NULL,1795772028262,0,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`) VALUES (11,'eve',0x657665,'$argon2id$v=19$m=19456,t=2,p=1$vDDt87o1sjnVA/LbNlcg7Q$QiSyvf4imdcwAAmP00dPvuTJ9iOTAztFfh5q2Ss4Yu8','offline',1795772027218,NULL,NULL,NULL,0,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`) VALUES (12,'mallory',0x6D616C6C6F7279,'$argon2id$v=19$m=19456,t=2,p=1$acWe/JxzEoLGOsD+KmALng$05ArIzXV4b+louFmsytdIOC3DvQye3780za04zfbNOg','offline',1795772027234,NULL,NULL,NULL,0,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`) VALUES (101,'frieda',0x667269656461,'$argon2id$v=19$m=19456,t=2,p=1$bEvoBINSb4hHe+lKXj314w$tHgJ2wvUdQItU1oRYnDa5Ix6fyDihAivJSZvetzUSxI','offline',1795772032180,NULL,NULL,NULL,0,'course');
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`) VALUES (102,'gül',0x67C3BC6C,'$argon2id$v=19$m=19456,t=2,p=1$kADxnq10EJpb/sNmWkYwNQ$OcMSqto1iaOh1m7SYlsFZCNdidViRYj9WttHvcozNTc','offline',1795772032180,NULL,NULL,NULL,0,'course');
CREATE OR REPLACE VIEW `OfflineMessage` AS select `c`.`userid` AS `userid`,`m`.`body` AS `message` from ((`Cursor` `c` join `Conversation` `v` on(`v`.`id` = `c`.`conv`)) join `Message` `m` on(`m`.`conv` = `c`.`conv` and `m`.`seq` > `c`.`delivered`)) where `c`.`device` = 0 and `m`.`sender` <> `c`.`userid` and `m`.`kind` = 0 and `m`.`body` <> '' and (`c`.`conv` > 4294967295 or exists(select 1 from `GroupUser` `g` where `g`.`groupid` = `c`.`conv` and `g`.`userid` = `c`.`userid` and `m`.`seq` > `g`.`joined_seq` limit 1));
