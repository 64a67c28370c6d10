//! The sums of docs/scaling.md: what so many sessions need, at a stated load, from what one of each costs. The document shows the
//! rows that this computes, and a test holds them against each other.

use crate::population::{CIRCLE, ROOM};

/// What each user says in an hour: to one other, to a circle, to a room.
pub const TO_PARTNER_PER_HOUR: f64 = 10.0;
pub const TO_CIRCLE_PER_HOUR: f64 = 9.0;
pub const TO_ROOM_PER_HOUR: f64 = 1.0;
const PER_HOUR: f64 = TO_PARTNER_PER_HOUR + TO_CIRCLE_PER_HOUR + TO_ROOM_PER_HOUR;

/// What work costs, in microseconds of a processor; `scripts/measure-scaling` has measured it.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// A node: a message from its sender's line to the ack and the bell.
    pub message: f64,
    /// A node: a line to one session.
    pub push: f64,
    /// A node: a bell that is heard.
    pub bell: f64,
    /// A node: a login by token, and its end.
    pub login: f64,
    /// Redis: a message, with its bell.
    pub rung: f64,
    /// Redis: a node that hears a bell.
    pub heard: f64,
    /// The database: a message.
    pub stored: f64,
    /// The database: a cursor that is written, at most.
    pub cursor: f64,
}

/// See docs/scaling.md, "What one of each costs".
pub const COSTS: Costs =
    Costs { message: 19.1, push: 2.8, bell: 13.2, login: 363.6, rung: 2.0, heard: 1.0, stored: 18.2, cursor: 55.7 };

/// Bytes of one idle session behind nginx.
const NODE_BYTES: f64 = 955.0;
const REDIS_BYTES: f64 = 705.0;
const NGINX_BYTES: f64 = 10_009.0;

/// Connections of a node to the database: `store.pool` as it comes.
const CONNECTIONS_OF_A_NODE: u32 = 12;

/// On how many other nodes somebody of so many is to be expected, when each is on one of them by chance.
pub fn other_nodes(nodes: u32, others: u32) -> f64 {
    let (nodes, others) = (f64::from(nodes), i32::try_from(others).expect("small"));
    (nodes - 1.0) * (1.0 - (1.0 - 1.0 / nodes).powi(others))
}

/// What a message causes in the middle.
#[derive(Clone, Copy, Debug)]
pub struct PerMessage {
    pub pushes: f64,
    pub bells_heard: f64,
}

pub fn per_message(nodes: u32) -> PerMessage {
    let mean = |partner: f64, circle: f64, room: f64| {
        (TO_PARTNER_PER_HOUR * partner + TO_CIRCLE_PER_HOUR * circle + TO_ROOM_PER_HOUR * room) / PER_HOUR
    };
    PerMessage {
        pushes: mean(1.0, f64::from(CIRCLE - 1), f64::from(ROOM - 1)),
        bells_heard: mean(other_nodes(nodes, 1), other_nodes(nodes, CIRCLE - 1), other_nodes(nodes, ROOM - 1)),
    }
}

pub fn messages_per_second(sessions: f64) -> f64 {
    sessions * PER_HOUR / 3600.0
}

/// Microseconds of all nodes' processors for each second.
pub fn nodes_us(sessions: f64, nodes: u32) -> f64 {
    let PerMessage { pushes, bells_heard } = per_message(nodes);
    let each = COSTS.message + COSTS.push * pushes + COSTS.bell * bells_heard;
    messages_per_second(sessions) * each
}

/// The rows of the document's table: what so many sessions on so many nodes need.
pub fn row(sessions: u32, nodes: u32) -> String {
    let all = f64::from(sessions);
    let PerMessage { pushes, bells_heard } = per_message(nodes);
    let messages = messages_per_second(all);
    let (pushed, heard) = (messages * pushes, messages * bells_heard);
    // Nearly every push is in a conversation in which nothing else has come in this second.
    let cursors = pushed;
    let cores = |us: f64| format!("{:.2}", us / 1e6);
    let memory = |bytes: f64| match all * bytes / 2_f64.powi(30) {
        small if small < 1.0 => format!("{:.0} MiB", small * 1024.0),
        large => format!("{large:.1} GiB"),
    };
    let cells = [
        grouped(all),
        nodes.to_string(),
        grouped(messages),
        grouped(pushed),
        grouped(heard),
        cores(nodes_us(all, nodes) / f64::from(nodes)),
        memory(NODE_BYTES / f64::from(nodes)),
        cores(messages * COSTS.rung + heard * COSTS.heard),
        memory(REDIS_BYTES),
        cores(messages * COSTS.stored),
        grouped(cursors),
        cores(cursors * COSTS.cursor),
        grouped(f64::from(nodes * CONNECTIONS_OF_A_NODE)),
        memory(NGINX_BYTES),
    ];
    format!("| {} |", cells.join(" | "))
}

/// A whole number with commas.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Sessions, and nodes for them: no node has more than 50,000, so that the others can take them in within seconds.
const SIZES: [(u32, u32); 4] = [(10_000, 2), (100_000, 3), (1_000_000, 21), (10_000_000, 201)];

#[test]
fn the_document_has_the_rows_that_are_computed() {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scaling.md")).unwrap();
    let rows = SIZES.map(|(sessions, nodes)| row(sessions, nodes));
    println!("{}", rows.join("\n"));
    for row in rows {
        assert!(document.contains(&row), "docs/scaling.md has another row than this one:\n{row}");
    }
}
