-- A database of schema version 1, as stonechat 0.1.0 made it on SQLite: rows of every table, made by clients of the server
-- of commit 68d99da. Password of user N: `pw of N`. Only the ends of the tokens were moved, into the year 2100.
-- Token of user 1: 86a8426f083e6268c15b7ac141b64ef8d7c6a7345c66b754d1b698975771e730
-- Token of user 1 (phone): 14a0ee5b1e72b4d760153671d1f8bcba22c2709b200f263c3e5a3c7933390aad
-- Token of user 2: f8b7621b829bb8d96f849193afc9c0df6a8ddcf894885eba3fb7bffef3066037

BEGIN TRANSACTION;
CREATE TABLE AllGroup (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    groupname  TEXT NOT NULL,
    name_key   TEXT NOT NULL UNIQUE,
    groupdesc  TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
INSERT INTO "AllGroup" VALUES(1,'chess','chess','Thursdays at eight',1795636101293);
INSERT INTO "AllGroup" VALUES(2,'Ａnna''s','ａnna''s','',1795636101298);
INSERT INTO "AllGroup" VALUES(3,'CHESS​','chess​','an imitation',1795636101301);
CREATE TABLE AuthToken (
    token_hash BLOB NOT NULL PRIMARY KEY,
    userid     INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "AuthToken" VALUES(X'4D625CE46CD045381483ABC190D0366FDF1AB92BB470EE86640EB104CFFFBFC7',1,4102444800000);
INSERT INTO "AuthToken" VALUES(X'8C0BB9067DDFE4D2E214F77DC323833D23C66A28626260FB2007A560D1EBECA8',1,4102444800000);
INSERT INTO "AuthToken" VALUES(X'2C0485AE60E74B27F34A599507366D6CD97BD66FDFA1953A219B2B5E9EBEF064',2,4102444800000);
INSERT INTO "AuthToken" VALUES(X'331EDD1A312F4BB0A5EDD2A8999096FE1AF6503E0321A08A4B8C95022820AFF2',8,4102444800000);
CREATE TABLE Conversation (
    id       INTEGER PRIMARY KEY,
    last_seq INTEGER NOT NULL
);
INSERT INTO "Conversation" VALUES(1,7);
INSERT INTO "Conversation" VALUES(2,0);
INSERT INTO "Conversation" VALUES(3,0);
INSERT INTO "Conversation" VALUES(4294967298,8);
INSERT INTO "Conversation" VALUES(4294967301,1);
INSERT INTO "Conversation" VALUES(4294967308,1);
CREATE TABLE "Cursor" (
    userid    INTEGER NOT NULL,
    device    INTEGER NOT NULL,
    conv      INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    read_seq  INTEGER NOT NULL,
    PRIMARY KEY (userid, device, conv)
) WITHOUT ROWID;
INSERT INTO "Cursor" VALUES(1,0,1,1,0);
INSERT INTO "Cursor" VALUES(1,0,4294967298,5,0);
INSERT INTO "Cursor" VALUES(1,0,4294967301,1,0);
INSERT INTO "Cursor" VALUES(1,0,4294967308,1,0);
INSERT INTO "Cursor" VALUES(1,1,1,7,0);
INSERT INTO "Cursor" VALUES(1,1,4294967298,8,0);
INSERT INTO "Cursor" VALUES(1,1,4294967301,1,0);
INSERT INTO "Cursor" VALUES(1,1,4294967308,1,0);
INSERT INTO "Cursor" VALUES(2,0,1,4,0);
INSERT INTO "Cursor" VALUES(2,0,2,0,0);
INSERT INTO "Cursor" VALUES(2,0,3,0,0);
INSERT INTO "Cursor" VALUES(2,0,4294967298,3,0);
INSERT INTO "Cursor" VALUES(5,0,4294967301,0,0);
INSERT INTO "Cursor" VALUES(8,0,1,0,0);
INSERT INTO "Cursor" VALUES(12,0,4294967308,0,0);
CREATE TABLE Device (
    userid INTEGER NOT NULL,
    device INTEGER NOT NULL,
    name   TEXT NOT NULL,
    PRIMARY KEY (userid, device),
    UNIQUE (userid, name)
) WITHOUT ROWID;
INSERT INTO "Device" VALUES(1,1,'phone');
CREATE TABLE Friend (
    userid   INTEGER NOT NULL,
    friendid INTEGER NOT NULL,
    PRIMARY KEY (userid, friendid)
) WITHOUT ROWID;
INSERT INTO "Friend" VALUES(1,2);
INSERT INTO "Friend" VALUES(2,1);
CREATE TABLE FriendRequest (
    userid     INTEGER NOT NULL,
    friendid   INTEGER NOT NULL,
    msg        TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (userid, friendid)
) WITHOUT ROWID;
INSERT INTO "FriendRequest" VALUES(1,3,'"we met in \"Oslo\""',1795636101280);
INSERT INTO "FriendRequest" VALUES(2,4,'""',1795636101289);
CREATE TABLE GroupUser (
    groupid   INTEGER NOT NULL,
    userid    INTEGER NOT NULL,
    grouprole TEXT NOT NULL DEFAULT 'normal' CHECK (grouprole IN ('creator', 'normal')),
    PRIMARY KEY (groupid, userid)
) WITHOUT ROWID;
INSERT INTO "GroupUser" VALUES(1,1,'creator');
INSERT INTO "GroupUser" VALUES(1,2,'normal');
INSERT INTO "GroupUser" VALUES(1,8,'normal');
INSERT INTO "GroupUser" VALUES(2,2,'creator');
INSERT INTO "GroupUser" VALUES(3,2,'creator');
CREATE TABLE Message (
    conv    INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    kind    INTEGER NOT NULL DEFAULT 0,
    sender  INTEGER NOT NULL,
    sent_at INTEGER NOT NULL,
    cid     TEXT,
    body    TEXT NOT NULL
);
INSERT INTO "Message" VALUES(4294967298,1,0,1,1795636101341,'1','{"msg":"line 1 ''quoted'' \"twice\" \\ back"}');
INSERT INTO "Message" VALUES(4294967298,2,0,1,1795636101344,'2','{"msg":"line 2 ''quoted'' \"twice\" \\ back"}');
INSERT INTO "Message" VALUES(4294967298,3,0,1,1795636101353,'3','{"msg":"line 3 ''quoted'' \"twice\" \\ back"}');
INSERT INTO "Message" VALUES(4294967298,4,0,1,1795636101360,'4','{"msg":"line 4 ''quoted'' \"twice\" \\ back"}');
INSERT INTO "Message" VALUES(4294967298,5,0,1,1795636101365,'5','{"msg":"line 5 ''quoted'' \"twice\" \\ back"}');
INSERT INTO "Message" VALUES(4294967298,6,0,2,1795636101366,'7','{"msg":"é 😀  ","ext":{"type": "text/plain", "n": 1}}');
INSERT INTO "Message" VALUES(4294967298,7,0,2,1795636101366,NULL,'{"msg":"no cid"}');
INSERT INTO "Message" VALUES(4294967298,8,0,1,1795636101367,'6ba7b810-9dad','{"msg":"uuid"}');
INSERT INTO "Message" VALUES(1,1,0,1,1795636101368,'g1','{"msg":"group 1"}');
INSERT INTO "Message" VALUES(1,2,0,2,1795636101369,'g2','{"msg":"group 2"}');
INSERT INTO "Message" VALUES(1,3,0,1,1795636101369,'g3','{"msg":"group 3"}');
INSERT INTO "Message" VALUES(1,4,0,2,1795636101370,'g4','{"msg":"group 4"}');
INSERT INTO "Message" VALUES(1,5,0,1,1795636101371,'g5','{"msg":"group 5"}');
INSERT INTO "Message" VALUES(1,6,0,2,1795636101373,'g6','{"msg":"group 6"}');
INSERT INTO "Message" VALUES(1,7,0,1,1795636101374,'g7','{"msg":"group 7"}');
INSERT INTO "Message" VALUES(4294967308,1,0,1,1795636101375,'w','{"msg":"to the wide one"}');
INSERT INTO "Message" VALUES(4294967301,1,0,1,1795636101375,NULL,'{"msg":"to the imitation"}');
CREATE TABLE SchemaVersion (version INT NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL);
INSERT INTO "SchemaVersion" VALUES(1,1795636098907);
CREATE TABLE User (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL UNIQUE,
    password   TEXT NOT NULL,
    state      TEXT NOT NULL DEFAULT 'offline' CHECK (state IN ('online', 'offline')),
    created_at INTEGER NOT NULL
);
INSERT INTO "User" VALUES(1,'anna','anna','$argon2id$v=19$m=19456,t=2,p=1$FaIXmIDw4x0r5Tsj8fxvwA$jRPFSCsajDM1+WbY7CCPv4wM+tCuc73sfhZDvsUaKQ0','offline',1795636100304);
INSERT INTO "User" VALUES(2,'ben','ben','$argon2id$v=19$m=19456,t=2,p=1$Yxe6F12H4RYcrf4CdZZAAQ$U1HioxJc+CpW1H5Kin7G4mnSnfjRPBI5acoydijg4KE','offline',1795636100427);
INSERT INTO "User" VALUES(3,'ΛΟΓΟΣ','λογος','$argon2id$v=19$m=19456,t=2,p=1$TDhhle3zhpVpqQeRw2N0VA$cGC0s2S/QCsJ4wFmsb7yg0d7xqH52MH0TiilG+png3g','offline',1795636100536);
INSERT INTO "User" VALUES(4,'λογοσ','λογοσ','$argon2id$v=19$m=19456,t=2,p=1$Slraj41CRxfZaoSugZMYMg$ghFQYwW6bxQW1/c37FxpmrvVXn1aUZmUfu4uDKca1IY','offline',1795636100666);
INSERT INTO "User" VALUES(5,'anna​','anna​','$argon2id$v=19$m=19456,t=2,p=1$EqwxHQd5uP0j5Rs0s8Xqwg$T48+IlvO5F0df6OoUU0nRhbDsXKtQKRjg14L6yYfeGA','offline',1795636100768);
INSERT INTO "User" VALUES(6,'12345','12345','$argon2id$v=19$m=19456,t=2,p=1$ZcmOHHgtwy9HUZsWCNmEsg$XrGyKdWk22bNGHHNt7c84ISauO4xXKt6v1Gm3aJK2rk','offline',1795636100859);
INSERT INTO "User" VALUES(7,'#chess','#chess','$argon2id$v=19$m=19456,t=2,p=1$4OnlOvL9Phnw9RAZ7X9qPg$lHBXM98mcWMub9ptkepsE6Xg6vcLbTvrAY+pRd0f070','offline',1795636100939);
INSERT INTO "User" VALUES(8,'O''Brien','o''brien','$argon2id$v=19$m=19456,t=2,p=1$TOCFegsTPDF5Ys9Xri20og$a5VZz/zaBz6SWpFFUoyTleIjvLc9KpW+b9cg7ldUucY','offline',1795636100973);
INSERT INTO "User" VALUES(9,'café','café','$argon2id$v=19$m=19456,t=2,p=1$ctIf4jquThmZSv0F9kyGPA$E8EYGvdsmboJ+EXYaPWIbVsPZuWn98F7i2qaPgrWCjQ','offline',1795636101013);
INSERT INTO "User" VALUES(10,'café','café','$argon2id$v=19$m=19456,t=2,p=1$wYSB45uNrzo+d3c/K4tGwg$Rs0RxdiLEWRyIHfywyF96AD5ACgx5kspnlw9diB5nbM','offline',1795636101056);
INSERT INTO "User" VALUES(11,'张三 😀','张三 😀','$argon2id$v=19$m=19456,t=2,p=1$KPJewfj0TFtKuooSgYFB+w$XNIV3knQQ4OGZjBrAq1lBr4OjsJxsMVgVP54H2k+Kj8','offline',1795636101094);
INSERT INTO "User" VALUES(12,'Ａnna','ａnna','$argon2id$v=19$m=19456,t=2,p=1$4LgIv9bay5sp6q9r0vLZaQ$ep7S1xzPUtzjoF9okiPcs13MExzipACT0uDSkt0pYlo','offline',1795636101135);
CREATE INDEX FriendRequestTo ON FriendRequest (friendid, created_at);
CREATE INDEX GroupUserByUser ON GroupUser (userid);
CREATE UNIQUE INDEX MessageBySeq ON Message (conv, seq);
CREATE INDEX MessageByCid ON Message (sender, cid) WHERE cid IS NOT NULL;
CREATE INDEX AuthTokenByUser ON AuthToken (userid, expires_at);
CREATE VIEW OfflineMessage AS
    SELECT c.userid AS userid, m.body AS message
    FROM "Cursor" c
    JOIN Message m ON m.conv = c.conv AND m.seq > c.delivered
    WHERE c.device = 0 AND m.sender <> c.userid;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('User',12);
INSERT INTO "sqlite_sequence" VALUES('AllGroup',3);
COMMIT;
