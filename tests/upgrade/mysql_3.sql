-- A database of schema version 3, as stonechat 0.4.0 made it on MariaDB: rows of all tables in which rows
-- stay, made by clients of the server of commit b2a7ade (scripts/schema-dump). Password of user N: `pw of N`.
-- Only what ends by itself was moved, into the year 2100.
-- Token of user 1: 65267719f7d453159d9f60e1e7063b79f056a4583ddbe01cd35c5a427c29e120
-- Token of user 1 (phone): 4d7f5895813dfbc267d5949e085e0187f3dcf9659424d4d39fde0c61a03ef601
-- Token of user 2 (läp\top 💻): 7887934bd273349b09bff0c1e5545a41825d112de39a8ed904c574de8cbf4a74
-- Token of user 6: 5e5be34f47fad60ec69c5c07af9c37c9a4773304f15cfadfb0e9981fee9bd452

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
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `AllGroup` (`id`, `groupname`, `name_key`, `groupdesc`, `created_at`, `members`, `joining`, `history`) VALUES (1,'chess',0x6368657373,'Thursdays at nine',1795771937678,5,'ask','joined');
INSERT INTO `AllGroup` (`id`, `groupname`, `name_key`, `groupdesc`, `created_at`, `members`, `joining`, `history`) VALUES (2,'weiqi',0x7765697169,'it\'s \"quoted\" \\ 😀',1795771937681,2,'invite','all');
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
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0x026707D6193DD7D31ED69514E442301C26A28AC314CB22F1FBA8331D7488DBF6,4,4102444800000,1,'','127.0.0.1',1795771937435,1795771937435);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0x220475925DA4CB88068B7F454928E708489E550D43F668E53D1E21E58FFAF340,11,4102444800000,1,'','127.0.0.1',1795771937603,1795771937603);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0x255229FF4FD60B31531E2300C0CEF64D0DFCEAC67E40D36C6E33D5450D02CAF9,6,4102444800000,1,'','127.0.0.1',1795771937459,1795771937459);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0x46D6CF2DC3412B96FC182C6D25CBFBA328273D8007E0B4A4E7FC25FBAAF3D0D6,2,4102444800000,1,'','127.0.0.1',1795771937393,1795771937393);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0x564082D98CF2ADEC8AC78176C9343DA99B3A6BAAC2B87739E5A802F2C8CEBB64,1,4102444800000,2,0x70686F6E65,'127.0.0.1',1795771937637,1795771937637);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0x7EB52D56807AD5E84B27466911871CD17A32367B1DDE7F6CEB0D50A45211379B,1,4102444800000,1,'','127.0.0.1',1795771937362,1795771937362);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0x9AA9662813A56D10F1E3B3747A5767DEA185A8C4DAFC89EEE8BF0612BC488F00,2,4102444800000,2,0x6CC3A4705C746F7020F09F92BB,'127.0.0.1',1795771937657,1795771937657);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0xC16DB51642D50B5B882991CEF2007E3084C7007B68841FA99CEFDB137A21030D,3,4102444800000,1,'','127.0.0.1',1795771937412,1795771937412);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`, `number`, `device`, `address`, `since`, `used_at`) VALUES (0xF8118D1E36D70C266A570CCE79F8443823CF89B1713A5E55E1CAE6E9351FBC9E,7,4102444800000,1,'','127.0.0.1',1795771937488,1795771937488);
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
INSERT INTO `Cluster` (`one`, `id`, `epoch`) VALUES (1,'1166d6cf16f18a290f63d2dcb5bbd78e','ccf3abb30f4570cfddeaf955f03a16ab');
CREATE TABLE `Conversation` (
  `id` bigint(20) NOT NULL,
  `last_seq` bigint(20) NOT NULL,
  `rules` int(11) NOT NULL DEFAULT 0,
  `last_msg` bigint(20) NOT NULL DEFAULT 0,
  `active_at` bigint(20) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`) VALUES (1,12,0,12,1795771938195);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`) VALUES (2,0,8,0,1795771937681);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`) VALUES (4294967298,18,0,18,1795771938194);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`) VALUES (4294967306,1,4,1,1795771937872);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`) VALUES (8589934600,1,0,1,1795771938196);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`) VALUES (8589934603,0,1,0,0);
INSERT INTO `Conversation` (`id`, `last_seq`, `rules`, `last_msg`, `active_at`) VALUES (12884901895,1,0,1,1795771937746);
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
INSERT INTO `EndedToken` (`token_hash`, `userid`, `ended_at`) VALUES (0x65EEC19A097873DCBB25493A22D9BE28FD2E193B50C78C1444BC089CFDE1D171,10,4102444800000);
INSERT INTO `EndedToken` (`token_hash`, `userid`, `ended_at`) VALUES (0x8D6294CFAC9F96C394F445FAD02D74D89CD7075D1B382C5161B7A7DF3F2785CB,3,4102444800000);
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
CREATE TABLE `FriendRequest` (
  `userid` int(11) NOT NULL,
  `friendid` int(11) NOT NULL,
  `msg` mediumtext NOT NULL,
  `created_at` bigint(20) NOT NULL,
  PRIMARY KEY (`userid`,`friendid`),
  KEY `friend_request_to` (`friendid`,`created_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `FriendRequest` (`userid`, `friendid`, `msg`, `created_at`) VALUES (4,1,'\"we met in \\\"Oslo\\\" \\\\ 中文\"',1795771937668);
INSERT INTO `FriendRequest` (`userid`, `friendid`, `msg`, `created_at`) VALUES (9,2,'\"\"',1795771937674);
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
INSERT INTO `GroupAsk` (`groupid`, `userid`, `wish`, `invited_by`, `asked_at`) VALUES (1,11,1,NULL,1795771937782);
INSERT INTO `GroupAsk` (`groupid`, `userid`, `wish`, `invited_by`, `asked_at`) VALUES (2,9,0,2,1795771937787);
CREATE TABLE `GroupBan` (
  `groupid` int(11) NOT NULL,
  `userid` int(11) NOT NULL,
  `banned_at` bigint(20) NOT NULL,
  PRIMARY KEY (`groupid`,`userid`),
  KEY `group_ban_by_user` (`userid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `GroupBan` (`groupid`, `userid`, `banned_at`) VALUES (1,12,1795771937761);
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
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,1,0,1,1795771937731,0x672D30,'{\"msg\":\"plain\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,2,0,2,1795771937736,0x672D31,'{\"msg\":\"it\'s \\\"quoted\\\" \\\\ back\\\\slash\"}',NULL,NULL,NULL,1);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,3,0,1,1795771937738,0x672D32,'',NULL,11,1795771937821,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,4,0,2,1795771937739,0x672D33,'{\"msg\":\"\\u0000 \\ud83e\\udd8a \\u2028\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,5,0,1,1795771937741,0x672D34,'{\"msg\":\"  raw\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,6,0,2,1795771937742,0x672D35,'{\"msg\":\"100%_ -- ; DROP TABLE User\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,7,0,1,1795771937743,0x672D36,'{\"msg\":\"\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,8,0,2,1795771937745,0x672D37,'{\"msg\":\"line\\nline\\ttab\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,9,3,1,1795771937815,NULL,'',2,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,10,3,3,1795771937818,NULL,'',2,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,11,2,2,1795771937821,NULL,'',3,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (1,12,0,2,1795771938195,NULL,'{\"msg\":\"to all who are away\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,1,0,1,1795771937716,0x742D30,'{\"msg\":\"plain\"}',NULL,NULL,NULL,1);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,2,0,1,1795771937717,0x742D31,'{\"msg\":\"edited: \\\"2\\\" \\\\ 🦊\"}',NULL,10,1795771937794,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,3,0,1,1795771937721,0x742D32,'{\"msg\":\"é 😀 👩‍👩‍👧 中文\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,4,0,1,1795771937725,0x742D33,'{\"msg\":\"\\u0000 \\ud83e\\udd8a \\u2028\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,5,0,1,1795771937727,0x742D34,'{\"msg\":\"  raw\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,6,0,1,1795771937727,0x742D35,'',NULL,11,1795771937796,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,7,0,1,1795771937728,0x742D36,'{\"msg\":\"\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,8,0,1,1795771937729,0x742D37,'{\"msg\":\"line\\nline\\ttab\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,9,0,2,1795771937730,0x016933,'{\"msg\":\"good morning\",\"ext\":{\"type\": \"text/plain\", \"n\": [1, null]}}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,10,1,1,1795771937794,0x652D31,'',2,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,11,2,1,1795771937796,0x722D31,'',6,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,12,3,2,1795771937798,NULL,'',1,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,13,3,1,1795771937806,NULL,'',1,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,14,3,1,1795771937810,NULL,'',1,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,15,3,2,1795771937813,NULL,'',1,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,16,0,2,1795771938190,0x617761792D30,'{\"msg\":\"while you are away 0\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,17,0,2,1795771938192,0x617761792D31,'{\"msg\":\"while you are away 1\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967298,18,0,2,1795771938194,0x617761792D32,'{\"msg\":\"while you are away 2\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (4294967306,1,0,10,1795771937872,NULL,'',NULL,NULL,1795771938058,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (8589934600,1,0,2,1795771938196,0x016937,'{\"msg\":\"to one who was never there\"}',NULL,NULL,NULL,0);
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`, `of_seq`, `edited_seq`, `edited_at`, `reacted`) VALUES (12884901895,1,0,7,1795771937746,NULL,'{\"msg\":\"no cid\"}',NULL,NULL,NULL,0);
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
INSERT INTO `Reaction` (`conv`, `of_seq`, `reaction`, `userid`, `seq`, `sent_at`, `is_on`) VALUES (1,2,0xF09F8E89,1,9,1795771937815,1);
INSERT INTO `Reaction` (`conv`, `of_seq`, `reaction`, `userid`, `seq`, `sent_at`, `is_on`) VALUES (1,2,0xF09F8E89,3,10,1795771937818,1);
INSERT INTO `Reaction` (`conv`, `of_seq`, `reaction`, `userid`, `seq`, `sent_at`, `is_on`) VALUES (4294967298,1,0x5C6F2F,1,14,1795771937810,1);
INSERT INTO `Reaction` (`conv`, `of_seq`, `reaction`, `userid`, `seq`, `sent_at`, `is_on`) VALUES (4294967298,1,0xF09F918D,1,13,1795771937806,1);
INSERT INTO `Reaction` (`conv`, `of_seq`, `reaction`, `userid`, `seq`, `sent_at`, `is_on`) VALUES (4294967298,1,0xF09F918D,2,15,1795771937813,0);
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
INSERT INTO `SchemaVersion` (`version`, `applied_at`) VALUES (1,1795771935133);
INSERT INTO `SchemaVersion` (`version`, `applied_at`) VALUES (2,1795771935599);
INSERT INTO `SchemaVersion` (`version`, `applied_at`) VALUES (3,1795771937042);
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
  PRIMARY KEY (`id`),
  UNIQUE KEY `user_by_name` (`name_key`),
  KEY `user_by_state_node` (`state_node`)
) ENGINE=InnoDB AUTO_INCREMENT=13 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`) VALUES (1,'anna',0x616E6E61,'$argon2id$v=19$m=19456,t=2,p=1$yriycMZcVUHj7kn/8sS6zg$+684g6aDxhSDM1o6xpfH7OpFmfbtdABaA8k+InQ+tPg','offline',1795771937127,NULL,'{\"status\": \"in \\\"Oslo\\\" \\\\ 🦊\", \"n\": 1.5}',NULL,1);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`) VALUES (2,'Ben',0x62656E,'$argon2id$v=19$m=19456,t=2,p=1$wUu0nTx+CjefqUl23XK/Fw$lygOEVXX4BN/bI2C/Z+FjaNWNgiCPlDbm0bPqG3zK4c','offline',1795771937149,NULL,NULL,NULL,1);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`) VALUES (3,'ΛΟΓΟΣ',0xCEBBCEBFCEB3CEBFCF83,'$argon2id$v=19$m=19456,t=2,p=1$XuKfUiHHibNYZc1lBOJixA$sf7FViF84uTjqfcMqmvmAud1HnMX2QXJauusO32po84','offline',1795771937168,NULL,NULL,NULL,0);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`) VALUES (4,'O\'Brien',0x6F27627269656E,'$argon2id$v=19$m=19456,t=2,p=1$bSPCOfl0yCCYeZHtS7DDtw$fyqgcj0Tw5Qb6CF04AJ7rSbg9ubWkzQz+/JOStPZoio','offline',1795771937192,NULL,NULL,NULL,0);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`) VALUES (5,'café',0x636166C3A9,'$argon2id$v=19$m=19456,t=2,p=1$61tlul2WMm/J6ETvQGrlEQ$FCuodzhx3Qhfv7osVqdSXqUk4m8kJ5X3RFmjTs4GG7Q','offline',1795771937210,NULL,NULL,NULL,0);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`) VALUES (6,'张三 😀',0xE5BCA0E4B88920F09F9880,'$argon2id$v=19$m=19456,t=2,p=1$lIj4pb/io5GK8nKCUQyR4g$fRqKLqWSsHuqwlFxeKHM1rwlHfqeMuZk3I0tc0/Umx8','offline',1795771937228,NULL,NULL,NULL,0);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`) VALUES (7,'back\\slash \"q\"',0x6261636B5C736C61736820227122,'$argon2id$v=19$m=19456,t=2,p=1$rdcxB0t+R2XCBlpvaDDOww$/3FGOgW+Ir2ZtLDQOwnenjAlL3BM2YYrdaSFmLEGOO8','offline',1795771937246,NULL,NULL,NULL,0);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`) VALUES (8,'100%_sure',0x313030255F73757265,'$argon2id$v=19$m=19456,t=2,p=1$1uz2YgEWkORbSh0QfulcNg$qEZChtakmJ94tUalDzY7DVlBMD88bLPjYBdKUUTk54s','offline',1795771937263,NULL,NULL,NULL,0);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`) VALUES (9,'Carlo',0x6361726C6F,'$argon2id$v=19$m=19456,t=2,p=1$GMpoZpxGh2jSwpkrJLQN2w$anDnICJxdKgstvQtNvUpXvlf5SE4fnk+ebNR4giJq+0','offline',1795771937281,NULL,NULL,NULL,1);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`) VALUES (10,'',0x006572617365642D3130,'','offline',1795771937298,NULL,NULL,1795771937891,0);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`) VALUES (11,'eve',0x657665,'$argon2id$v=19$m=19456,t=2,p=1$mYv0FuEBlW0nlvA6g8xtvA$zLvHvkMGJmOyLtuqZve5kbFO3/ZutpaN0/oxgakXrtg','offline',1795771937315,NULL,NULL,NULL,0);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`, `profile`, `erased_at`, `asked`) VALUES (12,'mallory',0x6D616C6C6F7279,'$argon2id$v=19$m=19456,t=2,p=1$5p5OvMyKKjN2e4MFr++OBA$QfrnMtrUpo67TEjvkNEhdfWEme8J2DuGX5WEzW4kaeg','offline',1795771937333,NULL,NULL,NULL,0);
CREATE OR REPLACE VIEW `OfflineMessage` AS select `c`.`userid` AS `userid`,`m`.`body` AS `message` from ((`Cursor` `c` join `Conversation` `v` on(`v`.`id` = `c`.`conv`)) join `Message` `m` on(`m`.`conv` = `c`.`conv` and `m`.`seq` > `c`.`delivered`)) where `c`.`device` = 0 and `m`.`sender` <> `c`.`userid` and `m`.`kind` = 0 and `m`.`body` <> '' and (`c`.`conv` > 4294967295 or exists(select 1 from `GroupUser` `g` where `g`.`groupid` = `c`.`conv` and `g`.`userid` = `c`.`userid` and `m`.`seq` > `g`.`joined_seq` limit 1));
