//! What a reconnect costs: the statements of each kind of login, and many sessions that come back when their node has died.
//!
//! The numbers of statements are promises: whoever makes a login ask the database once more has to say so here.

#![expect(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use common::client::{Client, PASSWORD};
use common::cluster::Cluster;
use common::http::get;
use common::mariadb::MariaDb;
use common::node::Node;
use common::process::{program, wait_for};
use common::relay::{Flow, Relay};
use mysql::Conn;
use mysql::prelude::Queryable;
use serde_json::{Value, json};

/// By this the statement is known that reads what a login tells of the account.
const PAGE: &str = "UNION ALL SELECT 1, c.userid";
/// What workers ask for nobody's login, over a whole storm: none of it grows with the sessions.
const BESIDES: usize = 60;
/// Sessions of the node that dies.
const SESSIONS: usize = 300;

/// A server that notes each statement with the connection that it came by.
struct Logged {
    server: MariaDb,
    reader: Conn,
}

impl Logged {
    fn start() -> Self {
        let server = MariaDb::start_with(&["--log-output=TABLE"]);
        let reader = server.connect().unwrap();
        Self { server, reader }
    }

    /// Notes from now on.
    fn begin(&mut self) {
        self.reader.query_drop("SET GLOBAL general_log = OFF").unwrap();
        self.reader.query_drop("TRUNCATE mysql.general_log").unwrap();
        self.reader.query_drop("SET GLOBAL general_log = ON").unwrap();
    }

    /// The statements since, by connection, in order; none of the log's own reader.
    fn end(&mut self) -> BTreeMap<u64, Vec<String>> {
        self.reader.query_drop("SET GLOBAL general_log = OFF").unwrap();
        let noted = "SELECT thread_id, argument FROM mysql.general_log \
                     WHERE command_type IN ('Query', 'Execute') AND thread_id <> CONNECTION_ID()";
        let mut by_connection: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for (connection, statement) in self.reader.query::<(u64, Vec<u8>), _>(noted).unwrap() {
            // Hashes are no text.
            by_connection.entry(connection).or_default().push(String::from_utf8_lossy(&statement).into_owned());
        }
        by_connection
    }

    /// The statements of workers: those by whose connections somebody has logged in. Each part of a login has one of these.
    fn end_of_workers(&mut self) -> Vec<String> {
        let marks = ["FROM AuthToken t", "password, dialect", PAGE];
        let is_login = |statement: &String| marks.iter().any(|mark| statement.contains(mark));
        let workers = self.end().into_values().filter(|of_one| of_one.iter().any(is_login));
        workers.flatten().filter(|statement| !is_of_a_new_connection(statement)).collect()
    }
}

/// What a worker says when it connects: once, whoever comes.
fn is_of_a_new_connection(statement: &str) -> bool {
    let is_setting = statement.starts_with("SET ") && !statement.starts_with("SET STATEMENT");
    is_setting || statement.contains("@@max_allowed_packet") || statement.contains("VERSION()")
}

/// Somebody with a token, whose statements are counted.
struct Subject<'a> {
    addr: SocketAddr,
    logged: &'a mut Logged,
    id: u64,
    name: String,
    token: String,
}

impl Subject<'_> {
    /// The statements of a login with these fields, which must succeed. The session ends with its connection.
    fn asked_by(&mut self, fields: &Value) -> Vec<String> {
        let mut login = json!({"msgid": 1, "ack": true});
        login.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let mut client = Client::connect(self.addr);
        self.logged.begin();
        let reply = client.request(login);
        assert_eq!(reply["errno"], 0, "{reply}");
        self.logged.end_of_workers()
    }

    fn by_token(&mut self, further: &Value) -> Vec<String> {
        let mut fields = json!({"id": self.id, "token": self.token});
        fields.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        self.asked_by(&fields)
    }

    fn by_password(&mut self, further: &Value) -> Vec<String> {
        let mut fields = json!({"name": self.name, "pwd": PASSWORD});
        fields.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        self.asked_by(&fields)
    }
}

#[test]
fn a_login_takes_so_many_statements() {
    let mut logged = Logged::start();
    let url = logged.server.url("logins");
    let node = Node::start(&["--mysql", &url, "--set", "session_policy=multi"]);
    let addr = node.addr();
    let subject = Client::newcomer(addr, "subject");
    let (id, name, token) = (subject.id, subject.name.clone(), subject.token.clone());
    let mut subject_of = Subject { addr, logged: &mut logged, id, name, token };
    let nothing = json!({});

    // The token with the groups; the page of the account.
    assert_asks(&subject_of.by_token(&nothing), 2, "by token, with nothing");
    // The user by name; the groups; the token in a transaction (START, the user, the other tokens, INSERT, COMMIT); the page.
    assert_asks(&subject_of.by_password(&nothing), 8, "by password");
    let device = json!({"device": "phone"});
    // The device besides: looked for, and made in a transaction.
    assert!(subject_of.by_token(&device).len() > 8, "a new device");
    assert_asks(&subject_of.by_token(&device), 2, "by token, on the device used last");
    assert_asks(&subject_of.by_password(&device), 9, "by password, on the device used last");
    subject_of.by_token(&json!({"device": "desk"}));
    // START, the user, the last use, the device, UPDATE, COMMIT; and the token, which was used on another device: START, its user
    // and the lock, the other tokens, UPDATE, COMMIT.
    assert_asks(&subject_of.by_token(&device), 14, "by token, on another device than last");

    // A session with a token of its own, which logs in last: the other token is noted as used after it once.
    let mut subject = subject.account().login(addr);
    subject_of.by_token(&nothing);
    let friend = Client::newcomer(addr, "friend");
    subject.ok(json!({"msgid": 7, "friendid": friend.id}));
    assert_asks_alone(&mut subject_of, 2, "with a friend who is online");
    let group = subject.create_group("chess");
    assert_asks_alone(&mut subject_of, 3, "with a group: its members");
    let mut friend = friend;
    friend.join(group);
    assert_asks_alone(&mut subject_of, 3, "the friend is a member as well");
    let mut stranger = Client::newcomer(addr, "stranger");
    stranger.join(group);
    assert_asks_alone(&mut subject_of, 3, "a stranger who is online is one as well");
    friend.say(id, "hello");
    stranger.say_to_group(group, "and");
    subject.expect_push(6);
    subject.expect_push(10);
    assert_asks_alone(&mut subject_of, 4, "the messages that wait");
    let mut other = Client::newcomer(addr, "other");
    other.ok(json!({"msgid": 53, "id": id, "on": true}));
    let blocked = "somebody has blocked the user: whether a stranger who is online has";
    assert_asks_alone(&mut subject_of, 5, blocked);
    let list = subject_of.by_token(&json!({"catch_up": "list"}));
    assert!(list.len() <= 14, "with the list of conversations instead: {list:#?}");
}

#[track_caller]
fn assert_asks(asked: &[String], count: usize, of: &str) {
    assert_eq!(asked.len(), count, "{of}: {asked:#?}");
}

/// The same of a login by token. Others have just joined or said something, and their sessions ask the store a moment later: what one of them
/// asks may stand among a login's statements, so there are some more tries.
#[track_caller]
fn assert_asks_alone(subject: &mut Subject<'_>, count: usize, of: &str) {
    let mut asked = Vec::new();
    for _ in 0..5 {
        asked = subject.by_token(&json!({}));
        if asked.len() <= count {
            break;
        }
    }
    assert_asks(&asked, count, of);
}

/// The load generator, between "ready" and the line that it waits for.
struct Storm {
    child: Child,
}

impl Storm {
    fn start(entry: SocketAddr, victim: &Node) -> Self {
        let (entry, victim, sessions) = (entry.to_string(), victim.pid().to_string(), SESSIONS.to_string());
        let mut command = Command::new(program("stonechat-load"));
        command.args(["--json", "--connect", &entry, "storm", "--connections", &sessions]);
        command.args(["--patient", "--wait", "--kill", &victim]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the load generator was built with this test");
        let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines().map_while(Result::ok);
        let mut said = Vec::new();
        let is_ready = lines.any(|line| {
            let is_ready = line == "ready";
            said.push(line);
            is_ready
        });
        assert!(is_ready, "{said:#?}");
        Self { child }
    }

    /// Has it kill the node. The report, when everybody is back and has talked.
    fn strike(mut self) -> Value {
        self.child.stdin.take().unwrap().write_all(b"\n").unwrap();
        let output = self.child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&text).unwrap()
    }
}

/// nginx leaves out what has failed, for 10 s. When it reads its configuration again, it forgets that.
fn let_nginx_find(cluster: &Cluster, nodes: &[Node]) {
    cluster.nginx.reload();
    let mut tried = Vec::new();
    for node in nodes {
        let admin = node.admin();
        wait_for("nginx to find a node again", || {
            // They stay until all are found: nginx prefers the nodes that have the fewest.
            tried.push(TcpStream::connect(cluster.entry()).unwrap());
            let (_, metrics) = get(admin, "/metrics");
            let accepted = metrics.lines().find_map(|line| line.strip_prefix("stonechat_accepted_total "));
            (accepted.unwrap_or_else(|| panic!("no count of connections: {metrics}")) != "0").then_some(())
        });
    }
}

#[test]
fn a_node_dies_and_its_sessions_come_back_on_the_others() {
    let mut logged = Logged::start();
    let url = logged.server.url("storm");
    let cluster = Cluster::start(&url, 3, &["admin=127.0.0.1:0"]);
    for node in &cluster.nodes[1..] {
        node.kill();
    }
    let storm = Storm::start(cluster.entry(), &cluster.nodes[0]);
    for node in &cluster.nodes[1..] {
        node.restart();
    }
    let_nginx_find(&cluster, &cluster.nodes[1..]);
    logged.begin();
    let report = storm.strike();
    let workers = logged.end_of_workers();

    // The generator has seen that everybody got each message once, also those that were sent to who was still away.
    assert_eq!(report["problems"], json!([]));
    assert_eq!(report["count"], SESSIONS);
    let figures = report["figures"].as_array().unwrap();
    let refused = figures.iter().find(|figure| figure["what"] == "logins refused on the way back");
    assert_eq!(refused.unwrap()["value"], json!(0.0), "{report}");

    // Each has asked for its token and its page once at most (some by a statement for several), and for the messages that wait; nobody
    // once more, not even the half of them behind whose last message there was one of their own.
    let asked = |mark: &str| workers.iter().filter(|text| text.contains(mark)).count();
    let (tokens, pages) = (asked("FROM AuthToken t"), asked(PAGE));
    assert!((1..=SESSIONS).contains(&tokens) && (1..=SESSIONS).contains(&pages), "{tokens} tokens, {pages} pages");
    // Some fetch what comes while they are logging in.
    let fetched = asked("ORDER BY m.seq");
    assert!(fetched < SESSIONS / 4, "{fetched} pages of {SESSIONS} sessions");
    let kinds: BTreeSet<&str> = workers.iter().map(|text| text.get(..40).unwrap_or(text)).collect();
    let most = 3 * SESSIONS + BESIDES;
    assert!(workers.len() <= most, "{} statements, expected at most {most}: {kinds:#?}", workers.len());
}

#[test]
fn who_logs_in_while_the_database_hangs_is_answered_and_is_taken_afterwards() {
    let database = MariaDb::shared();
    database.url("hangs");
    let relay = Relay::start(database.port());
    let url = MariaDb::url_on_port("hangs", relay.port());
    // With few workers, so that many logins wait for each.
    let node = Node::start(&["--mysql", &url, "--set", "store.pool=5", "--set", "store.timeout_ms=2000"]);
    let addr = node.addr();
    let logins: Vec<Value> = (0..120)
        .map(|_| Client::newcomer(addr, "coming"))
        .map(|client| json!({"msgid": 1, "ack": true, "id": client.id, "token": client.token}))
        .collect();
    let mut coming: Vec<Client> = logins.iter().map(|_| Client::connect(addr)).collect();

    // It falls silent among the first half: in the middle of a turn of a worker, most likely. None of that turn may be forgotten.
    let half = logins.len() / 2;
    for (client, login) in coming.iter_mut().zip(&logins).take(half) {
        client.send(login);
    }
    assert_eq!(coming[0].reply(2, &logins[0])["errno"], 0);
    relay.set(Flow::Hold);
    for (client, login) in coming.iter_mut().zip(&logins).skip(half) {
        client.send(login);
    }
    let answers = coming.iter_mut().zip(&logins).skip(1).rev().map(|(client, login)| client.reply(2, login));
    let answers: Vec<i64> = answers.map(|reply| reply["errno"].as_i64().unwrap()).collect();
    assert!(answers.iter().all(|errno| [0, 503].contains(errno)), "{answers:?}");
    assert!(answers[..half].iter().all(|errno| *errno == 503), "the database was silent: {answers:?}");

    relay.set(Flow::Pass);
    for (client, login) in coming.iter_mut().zip(&logins).skip(half) {
        wait_for("a login that was refused to be taken", || {
            (client.request(login.clone())["errno"] == 0).then_some(())
        });
    }
}
