//! What no row may say while others say otherwise: how each offence is found, told and, where the rows themselves tell how,
//! mended. A further rule is one entry. In order: what is mended by one may be seen by the next.
//!
//! What deleted groups and erased users have left is the sweeper's, and no offence. The conversations of groups have ids up to
//! 4294967295; of those of pairs the upper half of the id is the one user and the lower half the other.

/// A rule, and what offends against it.
pub(super) struct Rule {
    /// Of an offence; `{0}` is the first column of `find`.
    pub(super) told: &'static str,
    /// A row for each offence. Where it can be mended: the same statement finds no more of what was mended.
    pub(super) find: &'static str,
    /// The statements that mend an offence, each with the columns of `find` that are its parameters. None: it is left to people.
    pub(super) mend: &'static [(&'static str, &'static [usize])],
}

const NO_MEMBER: &str = "DELETE FROM GroupUser WHERE groupid = ? AND userid = ?";
const NO_CURSOR: &str = "DELETE FROM `Cursor` WHERE userid = ? AND device = ? AND conv = ?";
const NO_FRIEND: &str = "DELETE FROM Friend WHERE userid = ? AND friendid = ?";
const NO_REQUEST: &str = "DELETE FROM FriendRequest WHERE userid = ? AND friendid = ?";
const NO_TOTAL: &str = "DELETE FROM ReactionTotal WHERE conv = ? AND of_seq = ? AND reaction = ?";
const UNBLOCKED: (&str, &[usize]) =
    ("UPDATE Conversation SET rules = rules - ? WHERE id = ? AND (rules & ?) <> 0", &[1, 0, 1]);

pub(super) static RULES: &[Rule] = &[
    // --- accounts
    Rule {
        told: "user {0} does not exist, and has a device, {1}",
        find: "SELECT d.userid, d.device FROM Device d LEFT JOIN User u ON u.id = d.userid WHERE u.id IS NULL",
        mend: &[("DELETE FROM Device WHERE userid = ? AND device = ?", &[0, 1])],
    },
    Rule {
        told: "user {0} does not exist, and has a session",
        find: "SELECT DISTINCT t.userid FROM AuthToken t LEFT JOIN User u ON u.id = t.userid WHERE u.id IS NULL",
        mend: &[("DELETE FROM AuthToken WHERE userid = ?", &[0])],
    },
    Rule {
        told: "user {0} does not exist, and is being erased",
        find: "SELECT e.id FROM ErasedUser e LEFT JOIN User u ON u.id = e.id WHERE u.id IS NULL",
        mend: &[("DELETE FROM ErasedUser WHERE id = ?", &[0])],
    },
    Rule {
        told: "user {0} does not exist, and has said something",
        find: "SELECT DISTINCT m.sender FROM Message m \
               WHERE NOT EXISTS (SELECT 1 FROM User u WHERE u.id = m.sender)",
        mend: &[],
    },
    // --- friends and blocks
    Rule {
        told: "users {0} and {1} are friends, and one of them does not exist",
        find: "SELECT f.userid, f.friendid FROM Friend f LEFT JOIN User a ON a.id = f.userid \
               LEFT JOIN User b ON b.id = f.friendid WHERE a.id IS NULL OR b.id IS NULL",
        mend: &[(NO_FRIEND, &[0, 1])],
    },
    Rule {
        told: "user {0} has blocked {1}, and one of them does not exist",
        find: "SELECT f.userid, f.blocked FROM Block f LEFT JOIN User a ON a.id = f.userid \
               LEFT JOIN User b ON b.id = f.blocked WHERE a.id IS NULL OR b.id IS NULL",
        mend: &[("DELETE FROM Block WHERE userid = ? AND blocked = ?", &[0, 1])],
    },
    Rule {
        told: "users {0} and {1} are friends, and {0} has blocked {1}",
        find: "SELECT b.userid, b.blocked FROM Block b WHERE EXISTS (SELECT 1 FROM Friend f \
               WHERE (f.userid = b.userid AND f.friendid = b.blocked) OR (f.userid = b.blocked AND f.friendid = b.userid))",
        mend: &[(NO_FRIEND, &[0, 1]), (NO_FRIEND, &[1, 0])],
    },
    Rule {
        told: "user {0} has {1} as a friend, but not the other way round",
        find: "SELECT f.userid, f.friendid FROM Friend f \
               LEFT JOIN Friend b ON b.userid = f.friendid AND b.friendid = f.userid WHERE b.userid IS NULL",
        mend: &[("INSERT INTO Friend (friendid, userid) VALUES (?, ?)", &[0, 1])],
    },
    Rule {
        told: "user {0} asks {1} to be friends, and one of them does not exist",
        find: "SELECT f.userid, f.friendid FROM FriendRequest f LEFT JOIN User a ON a.id = f.userid \
               LEFT JOIN User b ON b.id = f.friendid WHERE a.id IS NULL OR b.id IS NULL",
        mend: &[(NO_REQUEST, &[0, 1])],
    },
    Rule {
        told: "user {0} asks {1} to be friends, and they are",
        find: "SELECT r.userid, r.friendid FROM FriendRequest r \
               JOIN Friend f ON f.userid = r.userid AND f.friendid = r.friendid",
        mend: &[(NO_REQUEST, &[0, 1])],
    },
    Rule {
        told: "user {0} is asked something, and is noted as not being asked",
        find: "SELECT u.id FROM User u WHERE u.asked = 0 AND u.erased_at IS NULL AND (\
               EXISTS (SELECT 1 FROM FriendRequest r WHERE r.friendid = u.id) \
               OR EXISTS (SELECT 1 FROM GroupAsk a WHERE a.userid = u.id AND a.wish = 0))",
        mend: &[("UPDATE User SET asked = 1 WHERE id = ?", &[0])],
    },
    // --- groups
    Rule {
        told: "group {0} has a member {1}, who does not exist",
        find: "SELECT m.groupid, m.userid FROM GroupUser m LEFT JOIN User u ON u.id = m.userid WHERE u.id IS NULL \
               AND NOT EXISTS (SELECT 1 FROM DeletedGroup d WHERE d.id = m.groupid)",
        mend: &[(NO_MEMBER, &[0, 1])],
    },
    Rule {
        told: "group {0} has a member {1}, who was erased",
        find: "SELECT m.groupid, m.userid FROM GroupUser m JOIN User u ON u.id = m.userid \
               WHERE u.erased_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ErasedUser e WHERE e.id = m.userid) \
               AND NOT EXISTS (SELECT 1 FROM DeletedGroup d WHERE d.id = m.groupid)",
        mend: &[(NO_MEMBER, &[0, 1])],
    },
    Rule {
        told: "group {0} does not exist, and has a member {1}",
        find: "SELECT m.groupid, m.userid FROM GroupUser m LEFT JOIN AllGroup g ON g.id = m.groupid WHERE g.id IS NULL \
               AND NOT EXISTS (SELECT 1 FROM DeletedGroup d WHERE d.id = m.groupid)",
        mend: &[(NO_MEMBER, &[0, 1])],
    },
    Rule {
        told: "user {1} is banned from group {0}, and one of them does not exist",
        find: "SELECT b.groupid, b.userid FROM GroupBan b LEFT JOIN AllGroup g ON g.id = b.groupid \
               LEFT JOIN User u ON u.id = b.userid WHERE (g.id IS NULL OR u.id IS NULL) \
               AND NOT EXISTS (SELECT 1 FROM DeletedGroup d WHERE d.id = b.groupid)",
        mend: &[("DELETE FROM GroupBan WHERE groupid = ? AND userid = ?", &[0, 1])],
    },
    Rule {
        told: "user {1} is to come into group {0}, and one of them does not exist",
        find: "SELECT a.groupid, a.userid, a.wish FROM GroupAsk a LEFT JOIN AllGroup g ON g.id = a.groupid \
               LEFT JOIN User u ON u.id = a.userid WHERE (g.id IS NULL OR u.id IS NULL) \
               AND NOT EXISTS (SELECT 1 FROM DeletedGroup d WHERE d.id = a.groupid)",
        mend: &[("DELETE FROM GroupAsk WHERE groupid = ? AND userid = ? AND wish = ?", &[0, 1, 2])],
    },
    Rule {
        told: "user {1} is muted in group {0}, and one of them does not exist",
        find: "SELECT k.groupid, k.userid FROM KeptMute k LEFT JOIN AllGroup g ON g.id = k.groupid \
               LEFT JOIN User u ON u.id = k.userid WHERE (g.id IS NULL OR u.id IS NULL) \
               AND NOT EXISTS (SELECT 1 FROM DeletedGroup d WHERE d.id = k.groupid)",
        mend: &[("DELETE FROM KeptMute WHERE groupid = ? AND userid = ?", &[0, 1])],
    },
    Rule {
        told: "group {0} is said to have {1} members, and has {2}",
        find: "SELECT q.id, q.members, q.counted FROM (SELECT g.id, g.members, \
               (SELECT COUNT(*) FROM GroupUser m WHERE m.groupid = g.id) AS counted FROM AllGroup g) q \
               WHERE q.members <> q.counted",
        mend: &[("UPDATE AllGroup SET members = ? WHERE id = ?", &[2, 0])],
    },
    Rule {
        told: "group {0} has {1} creators",
        find: "SELECT q.id, q.creators FROM (SELECT g.id, (SELECT COUNT(*) FROM GroupUser m \
               WHERE m.groupid = g.id AND m.grouprole = 'creator') AS creators FROM AllGroup g) q WHERE q.creators <> 1",
        mend: &[],
    },
    Rule {
        told: "group {0} has no conversation",
        find: "SELECT g.id FROM AllGroup g LEFT JOIN Conversation v ON v.id = g.id WHERE v.id IS NULL",
        // Who may speak in it stood there.
        mend: &[],
    },
    Rule {
        told: "conversation {0} is of a group that does not exist",
        find: "SELECT v.id FROM Conversation v LEFT JOIN AllGroup g ON g.id = v.id \
               WHERE v.id <= 4294967295 AND g.id IS NULL",
        mend: &[],
    },
    // --- conversations
    Rule {
        told: "conversation {0} has messages, and is of a group that does not exist",
        find: "SELECT DISTINCT m.conv FROM Message m WHERE m.conv <= 4294967295 \
               AND NOT EXISTS (SELECT 1 FROM Conversation v WHERE v.id = m.conv) \
               AND NOT EXISTS (SELECT 1 FROM AllGroup g WHERE g.id = m.conv) \
               AND NOT EXISTS (SELECT 1 FROM DeletedGroup d WHERE d.id = m.conv)",
        // As the upgrade did: the sweeper removes them.
        mend: &[("INSERT INTO DeletedGroup (id, deleted_at) VALUES (?, 0)", &[0])],
    },
    Rule {
        told: "conversation {0} has messages, and no end",
        find: "SELECT DISTINCT m.conv FROM Message m WHERE m.conv > 4294967295 \
               AND NOT EXISTS (SELECT 1 FROM Conversation v WHERE v.id = m.conv)",
        mend: &[(
            "INSERT INTO Conversation (id, last_seq, last_msg, active_at) SELECT m.conv, MAX(m.seq), \
             COALESCE(MAX(CASE WHEN m.kind = 0 THEN m.seq END), 0), COALESCE(MAX(CASE WHEN m.kind = 0 THEN m.sent_at END), 0) \
             FROM Message m WHERE m.conv = ? GROUP BY m.conv",
            &[0],
        )],
    },
    Rule {
        told: "conversation {0} does not say that user {1} has blocked {2}",
        find: "SELECT q.conv, q.userid, q.blocked, q.bit FROM (SELECT b.userid, b.blocked, \
               CASE WHEN b.userid < b.blocked THEN b.userid * 4294967296 + b.blocked \
               ELSE b.blocked * 4294967296 + b.userid END AS conv, \
               CASE WHEN b.userid < b.blocked THEN 1 ELSE 2 END AS bit FROM Block b) q \
               LEFT JOIN Conversation v ON v.id = q.conv WHERE v.id IS NULL OR (v.rules & q.bit) = 0",
        mend: &[
            (
                "INSERT INTO Conversation (id, last_seq) SELECT ?, 0 FROM Cluster \
                 WHERE NOT EXISTS (SELECT 1 FROM Conversation v WHERE v.id = ?)",
                &[0, 0],
            ),
            ("UPDATE Conversation SET rules = rules | ? WHERE id = ?", &[3, 0]),
        ],
    },
    Rule {
        told: "conversation {0} says that the one with the lower id has blocked the other, which is not so",
        find: "SELECT v.id, 1 FROM Conversation v WHERE v.id > 4294967295 AND (v.rules & 5) = 1 AND NOT EXISTS \
               (SELECT 1 FROM Block b WHERE b.userid = (v.id >> 32) AND b.blocked = (v.id & 4294967295))",
        mend: &[UNBLOCKED],
    },
    Rule {
        told: "conversation {0} says that the one with the higher id has blocked the other, which is not so",
        find: "SELECT v.id, 2 FROM Conversation v WHERE v.id > 4294967295 AND (v.rules & 6) = 2 AND NOT EXISTS \
               (SELECT 1 FROM Block b WHERE b.userid = (v.id & 4294967295) AND b.blocked = (v.id >> 32))",
        mend: &[UNBLOCKED],
    },
    Rule {
        told: "conversation {0} has another last message than it says",
        find: "SELECT v.id FROM Conversation v LEFT JOIN Message m ON m.conv = v.id AND m.seq = v.last_msg \
               WHERE v.last_msg > v.last_seq OR m.kind <> 0",
        mend: &[(
            "UPDATE Conversation SET last_msg = COALESCE((SELECT MAX(m.seq) FROM Message m \
             WHERE m.conv = Conversation.id AND m.kind = 0), 0) WHERE id = ?",
            &[0],
        )],
    },
    // --- positions
    Rule {
        told: "user {0} (device {1}) has a position in group {2}, and is no member",
        find: "SELECT c.userid, c.device, c.conv FROM `Cursor` c WHERE c.conv <= 4294967295 \
               AND NOT EXISTS (SELECT 1 FROM GroupUser m WHERE m.groupid = c.conv AND m.userid = c.userid) \
               AND NOT EXISTS (SELECT 1 FROM DeletedGroup d WHERE d.id = c.conv)",
        mend: &[(NO_CURSOR, &[0, 1, 2])],
    },
    Rule {
        told: "user {0} (device {1}) has a position in conversation {2}, which is not there or not the user's",
        find: "SELECT c.userid, c.device, c.conv FROM `Cursor` c LEFT JOIN Conversation v ON v.id = c.conv \
               WHERE c.conv > 4294967295 \
               AND (v.id IS NULL OR ((c.conv >> 32) <> c.userid AND (c.conv & 4294967295) <> c.userid))",
        mend: &[(NO_CURSOR, &[0, 1, 2])],
    },
    Rule {
        told: "user {0} does not exist, and has a position in conversation {2}",
        find: "SELECT c.userid, c.device, c.conv FROM `Cursor` c LEFT JOIN User u ON u.id = c.userid WHERE u.id IS NULL",
        mend: &[(NO_CURSOR, &[0, 1, 2])],
    },
    Rule {
        told: "device {1} of user {0} does not exist, and has a position in conversation {2}",
        find: "SELECT c.userid, c.device, c.conv FROM `Cursor` c \
               LEFT JOIN Device d ON d.userid = c.userid AND d.device = c.device \
               WHERE c.device <> 0 AND d.userid IS NULL \
               AND NOT EXISTS (SELECT 1 FROM ErasedUser e WHERE e.id = c.userid)",
        mend: &[(NO_CURSOR, &[0, 1, 2])],
    },
    Rule {
        told: "user {0} (device {1}) is at {4} and {5} of conversation {2}, which ends at {3}",
        find: "SELECT c.userid, c.device, c.conv, v.last_seq, c.delivered, c.read_seq FROM `Cursor` c \
               JOIN Conversation v ON v.id = c.conv WHERE c.delivered > v.last_seq OR c.read_seq > v.last_seq",
        mend: &[
            (
                "UPDATE `Cursor` SET delivered = ? WHERE userid = ? AND device = ? AND conv = ? AND delivered > ?",
                &[3, 0, 1, 2, 3],
            ),
            (
                "UPDATE `Cursor` SET read_seq = ? WHERE userid = ? AND device = ? AND conv = ? AND read_seq > ?",
                &[3, 0, 1, 2, 3],
            ),
        ],
    },
    Rule {
        told: "group {0} has a member {1} without a position in it",
        find: "SELECT m.groupid, m.userid FROM GroupUser m JOIN Conversation v ON v.id = m.groupid \
               LEFT JOIN `Cursor` c ON c.userid = m.userid AND c.device = 0 AND c.conv = m.groupid WHERE c.userid IS NULL",
        // Where it was nobody knows. Whoever leaves and comes back has one again.
        mend: &[],
    },
    // --- reactions
    Rule {
        told: "user {3} has reacted to message {1} of conversation {0}, which is not there",
        find: "SELECT r.conv, r.of_seq, r.reaction, r.userid FROM Reaction r \
               LEFT JOIN Message m ON m.conv = r.conv AND m.seq = r.of_seq WHERE m.conv IS NULL \
               AND NOT EXISTS (SELECT 1 FROM DeletedGroup d WHERE d.id = r.conv)",
        mend: &[("DELETE FROM Reaction WHERE conv = ? AND of_seq = ? AND reaction = ? AND userid = ?", &[0, 1, 2, 3])],
    },
    Rule {
        told: "reactions to message {1} of conversation {0} are counted, which is not there",
        find: "SELECT t.conv, t.of_seq, t.reaction FROM ReactionTotal t \
               LEFT JOIN Message m ON m.conv = t.conv AND m.seq = t.of_seq WHERE m.conv IS NULL \
               AND NOT EXISTS (SELECT 1 FROM DeletedGroup d WHERE d.id = t.conv)",
        mend: &[(NO_TOTAL, &[0, 1, 2])],
    },
    Rule {
        told: "message {1} of conversation {0} is said to have {3} reactions of a kind, and has {4}",
        find: "SELECT q.conv, q.of_seq, q.reaction, q.total, q.counted FROM (SELECT t.conv, t.of_seq, t.reaction, t.total, \
               (SELECT COUNT(*) FROM Reaction r WHERE r.conv = t.conv AND r.of_seq = t.of_seq \
               AND r.reaction = t.reaction AND r.is_on = 1) AS counted FROM ReactionTotal t) q \
               WHERE q.total <> q.counted AND NOT EXISTS (SELECT 1 FROM DeletedGroup d WHERE d.id = q.conv)",
        mend: &[
            ("UPDATE ReactionTotal SET total = ? WHERE conv = ? AND of_seq = ? AND reaction = ?", &[4, 0, 1, 2]),
            ("DELETE FROM ReactionTotal WHERE conv = ? AND of_seq = ? AND reaction = ? AND total = 0", &[0, 1, 2]),
        ],
    },
    Rule {
        told: "message {1} of conversation {0} has {3} reactions of a kind that are not counted",
        find: "SELECT r.conv, r.of_seq, r.reaction, COUNT(*), MIN(r.seq) FROM Reaction r WHERE r.is_on = 1 \
               AND NOT EXISTS (SELECT 1 FROM ReactionTotal t \
               WHERE t.conv = r.conv AND t.of_seq = r.of_seq AND t.reaction = r.reaction) \
               AND NOT EXISTS (SELECT 1 FROM DeletedGroup d WHERE d.id = r.conv) \
               GROUP BY r.conv, r.of_seq, r.reaction",
        mend: &[(
            "INSERT INTO ReactionTotal (conv, of_seq, reaction, total, since) VALUES (?, ?, ?, ?, ?)",
            &[0, 1, 2, 3, 4],
        )],
    },
];
