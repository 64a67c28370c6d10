-- A database of schema version 2, as stonechat 0.3.0 made it on SQLite: rows of all tables in which rows
-- stay, made by clients of the server of commit 73771fc (scripts/schema-dump). Password of user N: `pw of N`.
-- Only what ends by itself was moved, into the year 2100.
-- Token of user 1: ddd8d491f75f44e6ab8a63a7d98780ac179302614d3f6458b3fbea49eeb7f440
-- Token of user 1 (phone): 727de7f2c196ede5eb5b71360f218476f3dcc5093ea6d2a105078cc0d07ae6ea
-- Token of user 2 (läp\top 💻): 2a87e4189704c54cd5ec11aaff9b93aac04e42600d18e4df21ea0fc2bcc3ff2c
-- Token of user 6: 8cb0366ce4183e2c37ce8d1510a14e9228b9eba65c4edfe1c1d5842652eba42a

BEGIN TRANSACTION;
CREATE TABLE AllGroup (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    groupname  TEXT NOT NULL,
    name_key   TEXT NOT NULL UNIQUE,
    groupdesc  TEXT NOT NULL,
    created_at INTEGER NOT NULL
, members INTEGER NOT NULL DEFAULT 0);
INSERT INTO "AllGroup" VALUES(1,'chess','chess','Thursdays at eight',1795771914525,4);
INSERT INTO "AllGroup" VALUES(2,'go & 围棋','go & 围棋','it''s "quoted" \ 😀',1795771914526,2);
CREATE TABLE AuthToken (
    token_hash BLOB NOT NULL PRIMARY KEY,
    userid     INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "AuthToken" VALUES(X'6DA97BBF6DBC7AD2C55D162430DFEDCFAC70FA313CAD4BF7C79C13F5B4BDEC3A',1,4102444800000);
INSERT INTO "AuthToken" VALUES(X'E21F07F63C55BDE3A3D1C2C656FEAD11EFDEDD8E492C1F5D727593BD676B6E22',1,4102444800000);
INSERT INTO "AuthToken" VALUES(X'0842A2E4E3D2A8226F9C600DFFA8E69A2D8599D5A7BD3EEA2C31A2F3C0C08A43',2,4102444800000);
INSERT INTO "AuthToken" VALUES(X'B0CD17DD624FA5817639A8C5E9F94CB03131770224CFE0BD81C36153A2CA2A3F',2,4102444800000);
INSERT INTO "AuthToken" VALUES(X'225B4E76E99E1327B9839524412007DE837F487344A316573B5F298BF4A00086',3,4102444800000);
INSERT INTO "AuthToken" VALUES(X'3A78CBF10C7A994629274886F011372169D4FEA3471CA28A9310FA5284EA3F2F',4,4102444800000);
INSERT INTO "AuthToken" VALUES(X'ECCFDF4E530C823B98E68BB07136995467CF013D8C67A4B2525F32ED8EAFDFFB',6,4102444800000);
INSERT INTO "AuthToken" VALUES(X'1E69DB11F02DF328C56E0590F1ACDAD0458FA48E44AAE6E75E298A80A4370A84',7,4102444800000);
INSERT INTO "AuthToken" VALUES(X'FA95075C1BF16E3C257E7D40943F8B1AA3818C7B533E230025DE8171FEEB678F',10,4102444800000);
INSERT INTO "AuthToken" VALUES(X'A59CDEC9EA0B8A54877BB8FCFB41C4DA9870D4B0F711BA6CB9AA6A8F2B8EC6C9',11,4102444800000);
CREATE TABLE Cluster (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    id    TEXT NOT NULL,
    epoch TEXT NOT NULL
);
INSERT INTO "Cluster" VALUES(1,'d33bfb096b449bf76c44b41a97bf2c59','6b1f86566c5424b2f0b98a14ff166c72');
CREATE TABLE Conversation (
    id       INTEGER PRIMARY KEY,
    last_seq INTEGER NOT NULL
);
INSERT INTO "Conversation" VALUES(1,9);
INSERT INTO "Conversation" VALUES(2,0);
INSERT INTO "Conversation" VALUES(4294967298,12);
INSERT INTO "Conversation" VALUES(8589934600,1);
INSERT INTO "Conversation" VALUES(12884901895,1);
CREATE TABLE "Cursor" (
    userid    INTEGER NOT NULL,
    device    INTEGER NOT NULL,
    conv      INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    read_seq  INTEGER NOT NULL,
    PRIMARY KEY (userid, device, conv)
) WITHOUT ROWID;
INSERT INTO "Cursor" VALUES(1,0,1,1,0);
INSERT INTO "Cursor" VALUES(1,0,2,0,0);
INSERT INTO "Cursor" VALUES(1,0,4294967298,8,0);
INSERT INTO "Cursor" VALUES(1,1,1,6,0);
INSERT INTO "Cursor" VALUES(1,1,2,0,0);
INSERT INTO "Cursor" VALUES(1,1,4294967298,9,0);
INSERT INTO "Cursor" VALUES(2,0,1,0,0);
INSERT INTO "Cursor" VALUES(2,0,2,0,0);
INSERT INTO "Cursor" VALUES(2,0,4294967298,5,0);
INSERT INTO "Cursor" VALUES(2,0,8589934600,0,0);
INSERT INTO "Cursor" VALUES(2,1,1,0,0);
INSERT INTO "Cursor" VALUES(2,1,2,0,0);
INSERT INTO "Cursor" VALUES(3,0,1,0,0);
INSERT INTO "Cursor" VALUES(3,0,12884901895,0,0);
INSERT INTO "Cursor" VALUES(6,0,1,4,0);
INSERT INTO "Cursor" VALUES(7,0,12884901895,1,0);
INSERT INTO "Cursor" VALUES(8,0,8589934600,0,0);
CREATE TABLE DeletedGroup (
    id         INTEGER PRIMARY KEY,
    deleted_at INTEGER NOT NULL
);
CREATE TABLE Device (
    userid INTEGER NOT NULL,
    device INTEGER NOT NULL,
    name   TEXT NOT NULL, used INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (userid, device),
    UNIQUE (userid, name)
) WITHOUT ROWID;
INSERT INTO "Device" VALUES(1,1,'phone',1);
INSERT INTO "Device" VALUES(2,1,'läp\top 💻',1);
CREATE TABLE Friend (
    userid   INTEGER NOT NULL,
    friendid INTEGER NOT NULL,
    PRIMARY KEY (userid, friendid)
) WITHOUT ROWID;
INSERT INTO "Friend" VALUES(1,2);
INSERT INTO "Friend" VALUES(1,3);
INSERT INTO "Friend" VALUES(2,1);
INSERT INTO "Friend" VALUES(2,6);
INSERT INTO "Friend" VALUES(3,1);
INSERT INTO "Friend" VALUES(6,2);
CREATE TABLE FriendRequest (
    userid     INTEGER NOT NULL,
    friendid   INTEGER NOT NULL,
    msg        TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (userid, friendid)
) WITHOUT ROWID;
INSERT INTO "FriendRequest" VALUES(4,1,'"we met in \"Oslo\" \\ 中文"',1795771914523);
INSERT INTO "FriendRequest" VALUES(9,2,'""',1795771914524);
CREATE TABLE GroupUser (
    groupid   INTEGER NOT NULL,
    userid    INTEGER NOT NULL,
    grouprole TEXT NOT NULL DEFAULT 'normal' CHECK (grouprole IN ('creator', 'normal')),
    PRIMARY KEY (groupid, userid)
) WITHOUT ROWID;
INSERT INTO "GroupUser" VALUES(1,1,'creator');
INSERT INTO "GroupUser" VALUES(1,2,'normal');
INSERT INTO "GroupUser" VALUES(1,3,'normal');
INSERT INTO "GroupUser" VALUES(1,6,'normal');
INSERT INTO "GroupUser" VALUES(2,1,'normal');
INSERT INTO "GroupUser" VALUES(2,2,'creator');
CREATE TABLE Message (
    conv    INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    kind    INTEGER NOT NULL DEFAULT 0,
    sender  INTEGER NOT NULL,
    sent_at INTEGER NOT NULL,
    cid     TEXT,
    body    TEXT NOT NULL
);
INSERT INTO "Message" VALUES(4294967298,1,0,1,1795771914533,'t-0','{"msg":"plain"}');
INSERT INTO "Message" VALUES(4294967298,2,0,1,1795771914535,'t-1','{"msg":"it''s \"quoted\" \\ back\\slash"}');
INSERT INTO "Message" VALUES(4294967298,3,0,1,1795771914535,'t-2','{"msg":"é 😀 👩‍👩‍👧 中文"}');
INSERT INTO "Message" VALUES(4294967298,4,0,1,1795771914536,'t-3','{"msg":"\u0000 \ud83e\udd8a \u2028"}');
INSERT INTO "Message" VALUES(4294967298,5,0,1,1795771914536,'t-4','{"msg":"  raw"}');
INSERT INTO "Message" VALUES(4294967298,6,0,1,1795771914537,'t-5','{"msg":"100%_ -- ; DROP TABLE User"}');
INSERT INTO "Message" VALUES(4294967298,7,0,1,1795771914537,'t-6','{"msg":""}');
INSERT INTO "Message" VALUES(4294967298,8,0,1,1795771914538,'t-7','{"msg":"line\nline\ttab"}');
INSERT INTO "Message" VALUES(4294967298,9,0,2,1795771914538,'i3','{"msg":"good morning","ext":{"type": "text/plain", "n": [1, null]}}');
INSERT INTO "Message" VALUES(1,1,0,1,1795771914539,'g-0','{"msg":"plain"}');
INSERT INTO "Message" VALUES(1,2,0,2,1795771914540,'g-1','{"msg":"it''s \"quoted\" \\ back\\slash"}');
INSERT INTO "Message" VALUES(1,3,0,1,1795771914540,'g-2','{"msg":"é 😀 👩‍👩‍👧 中文"}');
INSERT INTO "Message" VALUES(1,4,0,2,1795771914541,'g-3','{"msg":"\u0000 \ud83e\udd8a \u2028"}');
INSERT INTO "Message" VALUES(1,5,0,1,1795771914542,'g-4','{"msg":"  raw"}');
INSERT INTO "Message" VALUES(1,6,0,2,1795771914542,'g-5','{"msg":"100%_ -- ; DROP TABLE User"}');
INSERT INTO "Message" VALUES(1,7,0,1,1795771914543,'g-6','{"msg":""}');
INSERT INTO "Message" VALUES(1,8,0,2,1795771914543,'g-7','{"msg":"line\nline\ttab"}');
INSERT INTO "Message" VALUES(12884901895,1,0,7,1795771914544,NULL,'{"msg":"no cid"}');
INSERT INTO "Message" VALUES(4294967298,10,0,2,1795771914591,'away-0','{"msg":"while you are away 0"}');
INSERT INTO "Message" VALUES(4294967298,11,0,2,1795771914592,'away-1','{"msg":"while you are away 1"}');
INSERT INTO "Message" VALUES(4294967298,12,0,2,1795771914598,'away-2','{"msg":"while you are away 2"}');
INSERT INTO "Message" VALUES(1,9,0,2,1795771914599,NULL,'{"msg":"to all who are away"}');
INSERT INTO "Message" VALUES(8589934600,1,0,2,1795771914599,'i7','{"msg":"to one who was never there"}');
CREATE TABLE Node (
    id      TEXT NOT NULL PRIMARY KEY,
    seen_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE SchemaVersion (version INT NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL);
INSERT INTO "SchemaVersion" VALUES(1,1795771913326);
INSERT INTO "SchemaVersion" VALUES(2,1795771913327);
CREATE TABLE User (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL UNIQUE,
    password   TEXT NOT NULL,
    state      TEXT NOT NULL DEFAULT 'offline' CHECK (state IN ('online', 'offline')),
    created_at INTEGER NOT NULL
, state_node TEXT NULL);
INSERT INTO "User" VALUES(1,'anna','anna','$argon2id$v=19$m=19456,t=2,p=1$uGoDpXMWSQxnQu3fGs/U4g$/WqxmyU+lpwLe0+hDNAbaXEPM7IekQELXHq6M6YN0vM','offline',1795771913409,NULL);
INSERT INTO "User" VALUES(2,'Ben','ben','$argon2id$v=19$m=19456,t=2,p=1$h9ifIGLvoQwEPt3lmXnfxg$AkpMYm5YgZvy2WQfufiNqg5J05v3JbAwVwfdNC3pXMM','offline',1795771913630,NULL);
INSERT INTO "User" VALUES(3,'ΛΟΓΟΣ','λογοσ','$argon2id$v=19$m=19456,t=2,p=1$cUHqlXbZAEcq+Zb1V3gGMA$5SqrTBACgpOCcQr5T6SHbSsVj9gB4LA+fqedSAi9R1Q','offline',1795771913716,NULL);
INSERT INTO "User" VALUES(4,'O''Brien','o''brien','$argon2id$v=19$m=19456,t=2,p=1$PzeRI///CiXGALl/zWY1fg$EF2VdFUMg75Ktx7XDlOA5l44QGEwKu9YgXYTh6pawpY','offline',1795771913766,NULL);
INSERT INTO "User" VALUES(5,'café','café','$argon2id$v=19$m=19456,t=2,p=1$WM1C0qGOjCRpkC58RCbErQ$7OxV33fCanFqptrhSvD0wNsFCvYorwYQVat3E+Fe61I','offline',1795771913791,NULL);
INSERT INTO "User" VALUES(6,'张三 😀','张三 😀','$argon2id$v=19$m=19456,t=2,p=1$V1QrakWXHa2Zt9ad1uC3wQ$mU3w2vcmcOqGxxDjd4Nnf6434DVTpX5tlZAFKnPSBm4','offline',1795771913813,NULL);
INSERT INTO "User" VALUES(7,'back\slash "q"','back\slash "q"','$argon2id$v=19$m=19456,t=2,p=1$BTyFMW8oqWe+21gS/KEwqw$UBanK1mYFR3PomN/Yy94EznRUU0L2oPhXl+BZdx+shM','offline',1795771913837,NULL);
INSERT INTO "User" VALUES(8,'100%_sure','100%_sure','$argon2id$v=19$m=19456,t=2,p=1$EangLhL54sZl+ADHLiVr+w$ODznN5h+D0WPtpA/8Zp1UeTnNH0ov0AnPMQZgzwBlJo','offline',1795771913854,NULL);
INSERT INTO "User" VALUES(9,'carl','carl','$argon2id$v=19$m=19456,t=2,p=1$uf5eSEJrAIzX5xM8DLUHfw$YQE/UNji0ojmGzmfCPiHULdCDcXcTj5lPTjZPM4i3R8','offline',1795771913878,NULL);
INSERT INTO "User" VALUES(10,'dora','dora','$argon2id$v=19$m=19456,t=2,p=1$2V62qBsGBFAVCLn18AIepg$HVTHNrjxPFVez/F3Qy4DrwqUYtp/sNnvgE989rBOmvY','offline',1795771913901,NULL);
INSERT INTO "User" VALUES(11,'eve','eve','$argon2id$v=19$m=19456,t=2,p=1$YY164aTmAqtUzjnlw7esAA$x/zgkrQV4AY0Q+PdJ03ipPmC3H6iJFDIl3OdmWNbaX8','offline',1795771913921,NULL);
INSERT INTO "User" VALUES(12,'mallory','mallory','$argon2id$v=19$m=19456,t=2,p=1$vwnxV63V31Lo0mhteNclwA$o+zdy5UBYP13Y5zeL1V3kJBP6bjhGPRHax5asA294r8','offline',1795771913948,NULL);
CREATE INDEX FriendRequestTo ON FriendRequest (friendid, created_at);
CREATE INDEX GroupUserByUser ON GroupUser (userid);
CREATE UNIQUE INDEX MessageBySeq ON Message (conv, seq);
CREATE INDEX AuthTokenByUser ON AuthToken (userid, expires_at);
CREATE VIEW OfflineMessage AS
    SELECT c.userid AS userid, m.body AS message
    FROM "Cursor" c
    JOIN Conversation v ON v.id = c.conv
    JOIN Message m ON m.conv = c.conv AND m.seq > c.delivered
    WHERE c.device = 0 AND m.sender <> c.userid AND (c.conv > 4294967295 OR EXISTS (
        SELECT 1 FROM GroupUser g WHERE g.groupid = c.conv AND g.userid = c.userid));
CREATE INDEX UserByStateNode ON User (state_node) WHERE state_node IS NOT NULL;
CREATE INDEX MessageByCidAndConv ON Message (sender, cid, conv) WHERE cid IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('User',12);
INSERT INTO "sqlite_sequence" VALUES('AllGroup',3);
COMMIT;
