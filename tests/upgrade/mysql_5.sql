-- A database of schema version 5, as stonechat 0.7.0-dev made it on MariaDB: rows of all tables in which rows
-- stay, made by clients of the server of commit 2288ebf (scripts/schema-dump). Password of user N: `pw of N`.
-- Only what ends by itself was moved, into the year 2100.
-- Token of user 1: e020169cc234a86b5f0c49e97b0655268624d61536861c0a570e1fc7a13b8bff
-- Token of user 1 (phone): 43d082e7956625aba59a62bee54dbd2c216bbc6aaaac9d4c2782961a0a3f80a5
-- Token of user 2 (läp\top 💻): 69a89095039f83fd5ca1518495cdd1f2044e5d01b1c8544900e9d34fc6408927
-- Token of user 6: efbebfeea1b538e357235b88893c6481fa898712b127a0d1864b252843c4cb60

CREATE TABLE `AllGroup` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `groupname` varchar(50) NOT NULL,
  `name_key` varbinary(255) NOT NULL,
  `groupdesc` varchar(200) NOT NULL,
  `created_at` bigint(20) NOT NULL,
  `members` int(11) NOT NULL DEFAULT 0,
  `joining` varchar(8) NOT NULL DEFAULT 'open',
  `history` varchar(8) NOT NULL DEFAULT 'all',
  `retention_days` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `group_by_name` (`name_key`),
  KEY `all_group_by_retention` (`retention_days`)
) ENGINE=InnoDB AUTO_INCREMENT=52 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `AllGroup` (`id`, `groupname`, `name_key`, `groupdesc`, `created_at`, `members`, `joining`, `history`, `retention_days`) VALUES (1,'chess',0x6368657373,'Thursdays at nine',1795791640936,5,'ask','joined',30000);
INSERT INTO `AllGroup` (`id`, `groupname`, `name_key`, `groupdesc`, `created_at`, `members`, `joining`, `history`, `retention_days`) VALUES (2,'weiqi',0x7765697169,'it\'s \"quoted\" \\ 😀',1795791640969,2,'invite','all',NULL);
INSERT INTO `AllGroup` (`id`, `groupname`, `name_key`, `groupdesc`, `created_at`, `members`, `joining`, `history`, `retention_days`) VALUES (51,'reading',0x72656164696E67,'books',1795791646471,2,'open','all',NULL);
CREATE TABLE `Audit` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `at` bigint(20) NOT NULL,
  `who` varchar(64) NOT NULL,
  `action` varchar(32) NOT NULL,
  `subject` varchar(64) NOT NULL,
  `detail` varchar(255) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Audit` (`id`, `at`, `who`, `action`, `subject`, `detail`) VALUES (1,1795791642754,'uid 0','disable','user 12','');
INSERT INTO `Audit` (`id`, `at`, `who`, `action`, `subject`, `detail`) VALUES (2,1795791642762,'uid 0','quota','user 1','friends 7');
INSERT INTO `Audit` (`id`, `at`, `who`, `action`, `subject`, `detail`) VALUES (3,1795791642768,'uid 0','retention','group 1','30000 days');
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
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0x1C1774E1B675998550506689813D5EC5805D98196AA3DDFBBB256CFCFA835C93,3,4102444800000,1,'','127.0.0.1',1795791639781,1795791639781);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0x295DD9CBD5643D8D04860BD57C763FB0CB32E7DD84BA626394C778525D237D4D,11,4102444800000,1,'','127.0.0.1',1795791640570,1795791640570);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0x61734491441655DBA2325CB792008F360569A41DF5CD81DF3819F71671B4661E,2,4102444800000,2,0x6CC3A4705C746F7020F09F92BB,'127.0.0.1',1795791640791,1795791640791);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0x8FAA8F84F8B9DF2E4C4AC4C1844A5D65A2CC6BAD401649E53D18C598D1CAB1D6,1,4102444800000,2,0x70686F6E65,'127.0.0.1',1795791640716,1795791640716);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0xC605C1C40A327DD47840B5AD915B1299C5A78B2B5ECD155C824C5B12D6C2EF4C,2,4102444800000,1,'','127.0.0.1',1795791639754,1795791639754);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0xD4EE41B181B8EB4594D397D1524F3F99FD81F9A75F97A479B6DC3F1A09C1D12D,4,4102444800000,1,'','127.0.0.1',1795791639831,1795791639831);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0xDEB9089C325E7539FCF785BB67C66F7A0D0C563B421D9FB1A288D4B03F096D2E,7,4102444800000,1,'','127.0.0.1',1795791640107,1795791640107);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0xEAF69B6D71FB001FFA25580DCC73506134F8FAD24431E5C0CC9473E47BCD26C3,6,4102444800000,1,'','127.0.0.1',1795791639975,1795791639975);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0xF64F6BE78EB3AFBCFD6152B4FF4CF004AB3442C9725AA8C22B14D2DC24976BA2,1,4102444800000,1,'','127.0.0.1',1795791639606,1795791639606);
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
INSERT INTO `Cluster` (`one`, `id`, `epoch`) VALUES (1,'7e7ba1f9986b9a48c4ab22da7e5c8c3a','a9f4a8c27009aa2c27e70c2e176fe7cd');
CREATE TABLE `Conversation` (
  `id` bigint(20) NOT NULL,
  `last_seq` bigint(20) NOT NULL,
  `rules` int(11) NOT NULL DEFAULT 0,
  `last_msg` bigint(20) NOT NULL DEFAULT 0,
  `active_at` bigint(20) NOT NULL DEFAULT 0,
  `floor_seq` bigint(20) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`, `floor_seq`) VALUES (1,12,0,12,1795791642746,0);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`, `floor_seq`) VALUES (2,0,8,0,1795791640969,0);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`, `floor_seq`) VALUES (51,0,0,0,1795791646471,0);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`, `floor_seq`) VALUES (4294967298,18,0,18,1795791642745,0);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`, `floor_seq`) VALUES (4294967306,1,4,1,1795791641424,0);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`, `floor_seq`) VALUES (8589934600,1,0,1,1795791642747,0);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`, `floor_seq`) VALUES (8589934603,0,1,0,0,0);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`, `floor_seq`) VALUES (12884901895,1,0,1,1795791641329,0);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`, `floor_seq`) VALUES (433791696998,1,0,1,1659312000000,0);
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
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`, `flags`) VALUES (2,0,8589934600,1,0,0);
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
INSERT INTO `EndedToken` (`token_hash`, `userid`, `ended_at`) VALUES (0x76FABBD2300FC4FD77A8DE2E9BBA069179F8E29FDB1D800746775D7E74D92869,3,4102444800000);
INSERT INTO `EndedToken` (`token_hash`, `userid`, `ended_at`) VALUES (0xB478C8123C525C391C8FDFEB2F84F6A6637E50B9B7D94C80E2249E7A14334462,10,4102444800000);
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
INSERT INTO `FriendRequest` (`userid`, `friendid`, `msg`, `created_at`) VALUES (4,1,'\"we met in \\\"Oslo\\\" \\\\ 中文\"',1795791640892);
INSERT INTO `FriendRequest` (`userid`, `friendid`, `msg`, `created_at`) VALUES (9,2,'\"\"',1795791640910);
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
INSERT INTO `GroupAsk` (`groupid`, `userid`, `wish`, `invited_by`, `asked_at`) VALUES (1,11,1,NULL,1795791641349);
INSERT INTO `GroupAsk` (`groupid`, `userid`, `wish`, `invited_by`, `asked_at`) VALUES (2,9,0,2,1795791641355);
CREATE TABLE `GroupBan` (
  `groupid` int(11) NOT NULL,
  `userid` int(11) NOT NULL,
  `banned_at` bigint(20) NOT NULL,
  PRIMARY KEY (`groupid`,`userid`),
  KEY `group_ban_by_user` (`userid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `GroupBan` (`groupid`, `userid`, `banned_at`) VALUES (1,12,1795791641343);
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
INSERT INTO `HeldName` (`of_group`, `name_key`, `owner`, `until`) VALUES (0,0x0068656C642D36396462333139373665616433376238356363343261343963393566643036656563393963666439623766663231396132356330663539636234303439333433,10,4102444800000);
INSERT INTO `HeldName` (`of_group`, `name_key`, `owner`, `until`) VALUES (0,0x6361726C,9,4102444800000);
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
CREATE TABLE `Lease` (
  `work` varchar(32) NOT NULL,
  `holder` varchar(32) NOT NULL,
  `until` bigint(20) NOT NULL,
  PRIMARY KEY (`work`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
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
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,1,0,1,1795791641317,0x672D30,'{\"msg\":\"plain\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,2,0,2,1795791641320,0x672D31,'{\"msg\":\"it\'s \\\"quoted\\\" \\\\ back\\\\slash\"}',NULL,NULL,NULL,1);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,3,0,1,1795791641322,0x672D32,'',NULL,11,1795791641374,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,4,0,2,1795791641323,0x672D33,'{\"msg\":\"\\u0000 \\ud83e\\udd8a \\u2028\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,5,0,1,1795791641324,0x672D34,'{\"msg\":\"  raw\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,6,0,2,1795791641325,0x672D35,'{\"msg\":\"100%_ -- ; DROP TABLE User\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,7,0,1,1795791641327,0x672D36,'{\"msg\":\"\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,8,0,2,1795791641328,0x672D37,'{\"msg\":\"line\\nline\\ttab\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,9,3,1,1795791641369,NULL,'',2,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,10,3,3,1795791641371,NULL,'',2,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,11,2,2,1795791641374,NULL,'',3,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,12,0,2,1795791642746,NULL,'{\"msg\":\"to all who are away\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,1,0,1,1795791641241,0x742D30,'{\"msg\":\"plain\"}',NULL,NULL,NULL,1);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,2,0,1,1795791641257,0x742D31,'{\"msg\":\"edited: \\\"2\\\" \\\\ 🦊\"}',NULL,10,1795791641357,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,3,0,1,1795791641262,0x742D32,'{\"msg\":\"é 😀 👩‍👩‍👧 中文\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,4,0,1,1795791641264,0x742D33,'{\"msg\":\"\\u0000 \\ud83e\\udd8a \\u2028\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,5,0,1,1795791641265,0x742D34,'{\"msg\":\"  raw\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,6,0,1,1795791641267,0x742D35,'',NULL,11,1795791641360,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,7,0,1,1795791641268,0x742D36,'{\"msg\":\"\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,8,0,1,1795791641270,0x742D37,'{\"msg\":\"line\\nline\\ttab\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,9,0,2,1795791641271,0x016933,'{\"msg\":\"good morning\",\"ext\":{\"type\": \"text/plain\", \"n\": [1, null]}}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,10,1,1,1795791641357,0x652D31,'',2,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,11,2,1,1795791641360,0x722D31,'',6,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,12,3,2,1795791641362,NULL,'',1,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,13,3,1,1795791641363,NULL,'',1,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,14,3,1,1795791641365,NULL,'',1,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,15,3,2,1795791641367,NULL,'',1,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,16,0,2,1795791642739,0x617761792D30,'{\"msg\":\"while you are away 0\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,17,0,2,1795791642742,0x617761792D31,'{\"msg\":\"while you are away 1\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,18,0,2,1795791642745,0x617761792D32,'{\"msg\":\"while you are away 2\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967306,1,0,10,1795791641424,NULL,'',NULL,NULL,1795791642363,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (8589934600,1,0,2,1795791642747,0x016937,'{\"msg\":\"to one who was never there\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (12884901895,1,0,7,1795791641329,NULL,'{\"msg\":\"no cid\"}',NULL,NULL,NULL,0);
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
INSERT INTO `Reaction` (`conv`, `of_seq`, `reaction`, `userid`, `seq`, `sent_at`, `is_on`) VALUES (1,2,0xF09F8E89,1,9,1795791641369,1);
INSERT INTO `Reaction` (`conv`, `of_seq`, `reaction`, `userid`, `seq`, `sent_at`, `is_on`) VALUES (1,2,0xF09F8E89,3,10,1795791641371,1);
INSERT INTO `Reaction` (`conv`, `of_seq`, `reaction`, `userid`, `seq`, `sent_at`, `is_on`) VALUES (4294967298,1,0x5C6F2F,1,14,1795791641365,1);
INSERT INTO `Reaction` (`conv`, `of_seq`, `reaction`, `userid`, `seq`, `sent_at`, `is_on`) VALUES (4294967298,1,0xF09F918D,1,13,1795791641363,1);
INSERT INTO `Reaction` (`conv`, `of_seq`, `reaction`, `userid`, `seq`, `sent_at`, `is_on`) VALUES (4294967298,1,0xF09F918D,2,15,1795791641367,0);
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
INSERT INTO `SchemaVersion` (`version`, `applied_at`) VALUES (1,1795791636682);
INSERT INTO `SchemaVersion` (`version`, `applied_at`) VALUES (2,1795791637006);
INSERT INTO `SchemaVersion` (`version`, `applied_at`) VALUES (3,1795791638137);
INSERT INTO `SchemaVersion` (`version`, `applied_at`) VALUES (4,1795791638154);
INSERT INTO `SchemaVersion` (`version`, `applied_at`) VALUES (5,1795791638222);
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
  `disabled_at` bigint(20) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `user_by_name` (`name_key`),
  KEY `user_by_state_node` (`state_node`),
  KEY `user_by_disabled` (`disabled_at`)
) ENGINE=InnoDB AUTO_INCREMENT=103 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`, `disabled_at`) VALUES (1,'anna',0x616E6E61,'$argon2id$v=19$m=19456,t=2,p=1$/xmmTFEsPiEpFMrkpnIzIw$DgFLhORojHb43uKmnouEBMr4MNyjlfAPLSvSEkSVFU4','offline',1795791638555,NULL,'{\"status\": \"in \\\"Oslo\\\" \\\\ 🦊\", \"n\": 1.5}',NULL,1,NULL,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`, `disabled_at`) VALUES (2,'Ben',0x62656E,'$argon2id$v=19$m=19456,t=2,p=1$F6ZFHqbZhgbFy7chBlE5fA$nmyvbV1L7OtjLYa/NoknKHhO/rCXs2PMyGWhRQEsClU','offline',1795791638656,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`, `disabled_at`) VALUES (3,'ΛΟΓΟΣ',0xCEBBCEBFCEB3CEBFCF83,'$argon2id$v=19$m=19456,t=2,p=1$CZROxUS+CpSkDtkGsjpv+A$npr6boUnZirO9zA069i1U1aC/SKWQeq9m5QwxFrtY5c','offline',1795791638725,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`, `disabled_at`) VALUES (4,'O\'Brien',0x6F27627269656E,'$argon2id$v=19$m=19456,t=2,p=1$1LusqhtAdp7AQjdGLoUxYQ$e9eVi8Yphz7VRz7HKB9DX+4Aw/as2SQ3XeG75ZXe4EQ','offline',1795791638766,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`, `disabled_at`) VALUES (5,'café',0x636166C3A9,'$argon2id$v=19$m=19456,t=2,p=1$lOWoN9VZZrU/gSie6+ReQQ$PoOT8chT4VwkDxVUxucLCC9D3LbURpJY6PWG+a+f98k','offline',1795791638812,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`, `disabled_at`) VALUES (6,'张三 😀',0xE5BCA0E4B88920F09F9880,'$argon2id$v=19$m=19456,t=2,p=1$HRLKza6JrA35vBQLLmzUKw$I53dd/gbYoG7bdW65sLb7SI7tLwWHpv3Uq9w4kCirOo','offline',1795791638842,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`, `disabled_at`) VALUES (7,'back\\slash \"q\"',0x6261636B5C736C61736820227122,'$argon2id$v=19$m=19456,t=2,p=1$iQsTf2DRelD8+TUJzZ8cdw$9o5HVNyyYwIK6WNP/vDkKh/n8iIWIrC3qnmrp3VPfZ4','offline',1795791638937,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`, `disabled_at`) VALUES (8,'100%_sure',0x313030255F73757265,'$argon2id$v=19$m=19456,t=2,p=1$N/qPDfTXfkwRE/osL0RAWQ$0PYlg9UEGHMjrLDS0ZG+th0QfohuwduUmmd6idYGmYw','offline',1795791639052,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`, `disabled_at`) VALUES (9,'Carlo',0x6361726C6F,'$argon2id$v=19$m=19456,t=2,p=1$f4rMrQZg45jmNJee+kvoaw$XXhQ664Oi5JVyTJSaOcP06j0K/fcnvf10cTTaPqg27Y','offline',1795791639165,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`, `disabled_at`) VALUES (10,'',0x006572617365642D3130,'','offline',1795791639279,NULL,NULL,1795791641649,0,NULL,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`, `disabled_at`) VALUES (11,'eve',0x657665,'$argon2id$v=19$m=19456,t=2,p=1$ppRZhjyqgMDYrVfpA+JHWQ$SW9d3vYu0NedZyVD54DMmRZKNwR3lqUnEr4k1jhVQ6w','offline',1795791639339,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`, `disabled_at`) VALUES (12,'mallory',0x6D616C6C6F7279,'$argon2id$v=19$m=19456,t=2,p=1$aE9HCEf/3kGuy0+780Tcjw$w/fnALjoDjqupIErXJdngJebb88U5byiRm3WsnJVIO8','offline',1795791639455,NULL,NULL,NULL,0,NULL,1795791642754);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`, `disabled_at`) VALUES (101,'frieda',0x667269656461,'$argon2id$v=19$m=19456,t=2,p=1$xfwsJsIOZh+5DIwySK/Y7Q$7TOsQQgtRiarJ3Fz9HcISMcze5Jc7m9Fx+FPz1xbrCU','offline',1795791646429,NULL,NULL,NULL,0,'course',NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`, `dialect`, `disabled_at`) VALUES (102,'gül',0x67C3BC6C,'$argon2id$v=19$m=19456,t=2,p=1$5Ni1jDzcahbqSJB6FOQGfw$XdZWYu+UYgOjvb+bmnBKps5BhY5zx23l8RdhC3FZ1u4','offline',1795791646429,NULL,NULL,NULL,0,'course',NULL);
CREATE TABLE `UserQuota` (
  `userid` int(11) NOT NULL,
  `name` varchar(32) NOT NULL,
  `value` bigint(20) NOT NULL,
  PRIMARY KEY (`userid`,`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `UserQuota` (`userid`, `name`, `value`) VALUES (1,'friends',7);
CREATE OR REPLACE VIEW `OfflineMessage` AS select `c`.`userid` AS `userid`,`m`.`body` AS `message` from ((`Cursor` `c` join `Conversation` `v` on(`v`.`id` = `c`.`conv`)) join `Message` `m` on(`m`.`conv` = `c`.`conv` and `m`.`seq` > `c`.`delivered`)) where `c`.`device` = 0 and `m`.`sender` <> `c`.`userid` and `m`.`kind` = 0 and `m`.`body` <> '' and (`c`.`conv` > 4294967295 or exists(select 1 from `GroupUser` `g` where `g`.`groupid` = `c`.`conv` and `g`.`userid` = `c`.`userid` and `m`.`seq` > `g`.`joined_seq` limit 1));
