-- A database of schema version 2, as stonechat 0.3.0 made it on MariaDB: rows of all tables in which rows
-- stay, made by clients of the server of commit 73771fc (scripts/schema-dump). Password of user N: `pw of N`.
-- Only what ends by itself was moved, into the year 2100.
-- Token of user 1: 184f2c3ea02c081468f0a8b7ff4e0379c11cb6f9118ed6df8298fe7a86d4c68d
-- Token of user 1 (phone): a362d71cc7e749227b2e2457aee8f04c3e723276a88006727294017d963e0c36
-- Token of user 2 (läp\top 💻): ce762d524f8be3a5b83514a2132da44826301e3ec9cbaaccf85ef0b6c7af4999
-- Token of user 6: 113403c2ddd04df908741acc368c6c5d47bdba492d73b63c087706ecffd73bde

CREATE TABLE `AllGroup` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `groupname` varchar(50) NOT NULL,
  `name_key` varbinary(255) NOT NULL,
  `groupdesc` varchar(200) NOT NULL,
  `created_at` bigint(20) NOT NULL,
  `members` int(11) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`),
  UNIQUE KEY `group_by_name` (`name_key`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `AllGroup` (`id`, `groupname`, `name_key`, `groupdesc`, `created_at`, `members`) VALUES (1,'chess',0x6368657373,'Thursdays at eight',1795771919321,4);
INSERT INTO `AllGroup` (`id`, `groupname`, `name_key`, `groupdesc`, `created_at`, `members`) VALUES (2,'go & 围棋',0x676F202620E59BB4E6A38B,'it\'s \"quoted\" \\ 😀',1795771919330,2);
CREATE TABLE `AuthToken` (
  `token_hash` binary(32) NOT NULL,
  `userid` int(11) NOT NULL,
  `expires_at` bigint(20) NOT NULL,
  PRIMARY KEY (`token_hash`),
  KEY `auth_token_by_user` (`userid`,`expires_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`) VALUES (0x15906CD7F9C7AE37F9916CCDC48FC28CC1EC9BF18A091E35CE00B964D71A17F0,1,4102444800000);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`) VALUES (0x2045F32D7AC687947DC7DCC6530B41ABBF86F9D3CCEACCCABBCC3115A139867D,6,4102444800000);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`) VALUES (0x472A412B4CB74DD848C6B6D40A85BCC6B44006E2B45AE713D2E784E7AAE24E3E,11,4102444800000);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`) VALUES (0x4741DFD72C40D230603ABCBA3AFD62655A13BB3F4B30B4155B877087103D5519,7,4102444800000);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`) VALUES (0x84F4A912EF28073FC6F57A281254B061F584D3FE973C4D38B5F7A8548F9975B3,1,4102444800000);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`) VALUES (0x94F797E575CA64E9B1F53B4ADCC44CCC04BF9202DB71852E18C5E2E29BE1742D,2,4102444800000);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`) VALUES (0xB7877ADC7E1C44B43C1CA52C28370FBABF0A7988000632FB88EC8A35FD2038AD,4,4102444800000);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`) VALUES (0xBF0C99AFBB5F7BB6C27097D02C58FDEF9921FD5FB313AE6E474EED4682D79158,3,4102444800000);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`) VALUES (0xCD92D0A1556E3CD9726C11AE9248852F25B50FC62EFD2631A07A619117468EE9,2,4102444800000);
INSERT INTO `AuthToken` (`token_hash`, `userid`, `expires_at`) VALUES (0xD39D5929B293163F3EFEC1C9DAEA538FE9B75D640983DF175B23B0869E3953D3,10,4102444800000);
CREATE TABLE `Cluster` (
  `one` tinyint(4) NOT NULL,
  `id` varchar(32) NOT NULL,
  `epoch` varchar(32) NOT NULL,
  PRIMARY KEY (`one`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Cluster` (`one`, `id`, `epoch`) VALUES (1,'96e2ff7d7aecdf7a9dd8ca48293b9a10','51090a196e03fe7397a8d4e3eb377f05');
CREATE TABLE `Conversation` (
  `id` bigint(20) NOT NULL,
  `last_seq` bigint(20) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Conversation` (`id`, `last_seq`) VALUES (1,9);
INSERT INTO `Conversation` (`id`, `last_seq`) VALUES (2,0);
INSERT INTO `Conversation` (`id`, `last_seq`) VALUES (4294967298,12);
INSERT INTO `Conversation` (`id`, `last_seq`) VALUES (8589934600,1);
INSERT INTO `Conversation` (`id`, `last_seq`) VALUES (12884901895,1);
CREATE TABLE `Cursor` (
  `userid` int(11) NOT NULL,
  `device` int(10) unsigned NOT NULL,
  `conv` bigint(20) NOT NULL,
  `delivered` bigint(20) NOT NULL,
  `read_seq` bigint(20) NOT NULL,
  PRIMARY KEY (`userid`,`device`,`conv`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (1,0,1,1,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (1,0,2,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (1,0,4294967298,8,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (1,1,1,6,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (1,1,2,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (1,1,4294967298,9,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (2,0,1,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (2,0,2,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (2,0,4294967298,5,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (2,0,8589934600,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (2,1,1,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (2,1,2,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (3,0,1,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (3,0,12884901895,0,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (6,0,1,4,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (7,0,12884901895,1,0);
INSERT INTO `Cursor` (`userid`, `device`, `conv`, `delivered`, `read_seq`) VALUES (8,0,8589934600,0,0);
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
INSERT INTO `FriendRequest` (`userid`, `friendid`, `msg`, `created_at`) VALUES (4,1,'\"we met in \\\"Oslo\\\" \\\\ 中文\"',1795771919302);
INSERT INTO `FriendRequest` (`userid`, `friendid`, `msg`, `created_at`) VALUES (9,2,'\"\"',1795771919309);
CREATE TABLE `GroupUser` (
  `groupid` int(11) NOT NULL,
  `userid` int(11) NOT NULL,
  `grouprole` enum('creator','normal') NOT NULL DEFAULT 'normal',
  PRIMARY KEY (`groupid`,`userid`),
  KEY `group_user_by_user` (`userid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`) VALUES (1,1,'creator');
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`) VALUES (1,2,'normal');
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`) VALUES (1,3,'normal');
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`) VALUES (1,6,'normal');
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`) VALUES (2,1,'normal');
INSERT INTO `GroupUser` (`groupid`, `userid`, `grouprole`) VALUES (2,2,'creator');
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
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (1,1,0,1,1795771919453,0x672D30,'{\"msg\":\"plain\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (1,2,0,2,1795771919456,0x672D31,'{\"msg\":\"it\'s \\\"quoted\\\" \\\\ back\\\\slash\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (1,3,0,1,1795771919457,0x672D32,'{\"msg\":\"é 😀 👩‍👩‍👧 中文\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (1,4,0,2,1795771919459,0x672D33,'{\"msg\":\"\\u0000 \\ud83e\\udd8a \\u2028\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (1,5,0,1,1795771919460,0x672D34,'{\"msg\":\"  raw\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (1,6,0,2,1795771919461,0x672D35,'{\"msg\":\"100%_ -- ; DROP TABLE User\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (1,7,0,1,1795771919462,0x672D36,'{\"msg\":\"\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (1,8,0,2,1795771919463,0x672D37,'{\"msg\":\"line\\nline\\ttab\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (1,9,0,2,1795771919526,NULL,'{\"msg\":\"to all who are away\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,1,0,1,1795771919375,0x742D30,'{\"msg\":\"plain\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,2,0,1,1795771919377,0x742D31,'{\"msg\":\"it\'s \\\"quoted\\\" \\\\ back\\\\slash\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,3,0,1,1795771919381,0x742D32,'{\"msg\":\"é 😀 👩‍👩‍👧 中文\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,4,0,1,1795771919383,0x742D33,'{\"msg\":\"\\u0000 \\ud83e\\udd8a \\u2028\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,5,0,1,1795771919389,0x742D34,'{\"msg\":\"  raw\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,6,0,1,1795771919394,0x742D35,'{\"msg\":\"100%_ -- ; DROP TABLE User\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,7,0,1,1795771919395,0x742D36,'{\"msg\":\"\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,8,0,1,1795771919398,0x742D37,'{\"msg\":\"line\\nline\\ttab\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,9,0,2,1795771919401,0x016933,'{\"msg\":\"good morning\",\"ext\":{\"type\": \"text/plain\", \"n\": [1, null]}}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,10,0,2,1795771919519,0x617761792D30,'{\"msg\":\"while you are away 0\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,11,0,2,1795771919523,0x617761792D31,'{\"msg\":\"while you are away 1\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (4294967298,12,0,2,1795771919524,0x617761792D32,'{\"msg\":\"while you are away 2\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (8589934600,1,0,2,1795771919527,0x016937,'{\"msg\":\"to one who was never there\"}');
INSERT INTO `Message` (`conv`, `seq`, `kind`, `sender`, `sent_at`, `cid`, `body`) VALUES (12884901895,1,0,7,1795771919464,NULL,'{\"msg\":\"no cid\"}');
CREATE TABLE `Node` (
  `id` varchar(16) NOT NULL,
  `seen_at` bigint(20) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE `SchemaVersion` (
  `version` int(11) NOT NULL,
  `applied_at` bigint(20) NOT NULL,
  PRIMARY KEY (`version`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `SchemaVersion` (`version`, `applied_at`) VALUES (1,1795771918097);
INSERT INTO `SchemaVersion` (`version`, `applied_at`) VALUES (2,1795771918602);
CREATE TABLE `User` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(50) NOT NULL,
  `name_key` varbinary(255) NOT NULL,
  `password` varchar(255) NOT NULL,
  `state` enum('online','offline') NOT NULL DEFAULT 'offline',
  `created_at` bigint(20) NOT NULL,
  `state_node` varchar(16) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `user_by_name` (`name_key`),
  KEY `user_by_state_node` (`state_node`)
) ENGINE=InnoDB AUTO_INCREMENT=13 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`) VALUES (1,'anna',0x616E6E61,'$argon2id$v=19$m=19456,t=2,p=1$1WHvAHIhtemA1+rKaMTGgQ$Ex91N6yXYl0ifaJuQV5n9tvqv0rkC+67Fg6+xjJom8g','offline',1795771918693,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`) VALUES (2,'Ben',0x62656E,'$argon2id$v=19$m=19456,t=2,p=1$AIHEKgQz+D0S6cvejy020Q$1tiQpS4xkAW/SW1mvsSFvDKVgoFp1vA/s0IlxbLfma0','offline',1795771918713,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`) VALUES (3,'ΛΟΓΟΣ',0xCEBBCEBFCEB3CEBFCF83,'$argon2id$v=19$m=19456,t=2,p=1$MP3sOGx2lRMWwA+aM39Vdw$ODUD8pCsMYCw+zW/p6GCPBuOhXXPRuaqgan5wVfVznw','offline',1795771918731,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`) VALUES (4,'O\'Brien',0x6F27627269656E,'$argon2id$v=19$m=19456,t=2,p=1$X2SsyyQG7u2FeyIMO8ImfQ$NEGJrro1dswY+d5AAL992j8VG+uiieMdsm69BXUgbe0','offline',1795771918747,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`) VALUES (5,'café',0x636166C3A9,'$argon2id$v=19$m=19456,t=2,p=1$VM2fM+XIuzy4CO97FiFgsQ$sxpBa0ylC7GcKG3/ZQ8jI8BVw75rV7NlYJjs3xnghSE','offline',1795771918768,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`) VALUES (6,'张三 😀',0xE5BCA0E4B88920F09F9880,'$argon2id$v=19$m=19456,t=2,p=1$+WolJTJG3GMfwsH+19SKMw$OQIyob+vXkMG6/j5IVsDfPpLoszSfF4pXacWlaztrjU','offline',1795771918797,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`) VALUES (7,'back\\slash \"q\"',0x6261636B5C736C61736820227122,'$argon2id$v=19$m=19456,t=2,p=1$B3+UsLx+5RhP3gdzHTj9Ug$yvxjcBLv7S9DfpYRGW0nqV9eqqqvqL/a9o0nuYPah3M','offline',1795771918822,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`) VALUES (8,'100%_sure',0x313030255F73757265,'$argon2id$v=19$m=19456,t=2,p=1$IvdQI5k+P7PWVTWD6LRcZA$W/qwlSG2p5/7jGKFY6wCsuIZ6Hk2Yi+xl7m1Xx0bgic','offline',1795771918841,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`) VALUES (9,'carl',0x6361726C,'$argon2id$v=19$m=19456,t=2,p=1$OvTSop87JbQ35mh5QLwCCw$VuVd4hh0x/kSM/hQMs6hp6HyfKb7w+iUB20tvyxiHWY','offline',1795771918858,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`) VALUES (10,'dora',0x646F7261,'$argon2id$v=19$m=19456,t=2,p=1$FeLQtdEKwhXZ/j/ewJM5qQ$qaKYuj/pJkrqyD9ifElgBpXdkl6D9/FVfKAHNzG0mYU','offline',1795771918873,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`) VALUES (11,'eve',0x657665,'$argon2id$v=19$m=19456,t=2,p=1$+pXT0zCXCjteWj5bN2rNjQ$gYXTgpBmwjdC23wc8eo4anKxXjFUs+DHsLsGjnZ5nGs','offline',1795771918888,NULL);
INSERT INTO `User` (`id`, `name`, `name_key`, `password`, `state`, `created_at`, `state_node`) VALUES (12,'mallory',0x6D616C6C6F7279,'$argon2id$v=19$m=19456,t=2,p=1$B8X559znofOEHyOD6xqbFQ$+SDVFVM+11iCzhvci2v7J3DoxE+K905UwPQdWbB9+lQ','offline',1795771918904,NULL);
CREATE OR REPLACE VIEW `OfflineMessage` AS select `c`.`userid` AS `userid`,`m`.`body` AS `message` from ((`Cursor` `c` join `Conversation` `v` on(`v`.`id` = `c`.`conv`)) join `Message` `m` on(`m`.`conv` = `c`.`conv` and `m`.`seq` > `c`.`delivered`)) where `c`.`device` = 0 and `m`.`sender` <> `c`.`userid` and (`c`.`conv` > 4294967295 or exists(select 1 from `GroupUser` `g` where `g`.`groupid` = `c`.`conv` and `g`.`userid` = `c`.`userid` limit 1));
