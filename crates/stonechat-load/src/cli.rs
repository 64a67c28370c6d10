//! The command line.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use stonechat_protocol::ids::GroupId;

use crate::engine::Engine;
use crate::proc_stat::Watched;
use crate::setup::Confirm;
use crate::stamp::STAMP_BYTES;
use crate::talk::{Pace, Times};
use crate::tls::{Resume, Tls};
use crate::transport::{Messages, Way};

/// Puts load on a Stonechat server, verifies what comes out, and measures.
///
/// The server must be started for it, without the limits that protect it every day:
///
///   stonechat --set limits.messages_per_second=0 --set limits.logins_per_minute=0
///       --set limits.registrations_per_minute=0 --set quota.accounts_per_day=0
///       --set password.memory_kib=8 --set password.passes=1
///
/// (the last two only so that many accounts are made quickly; leave them out to measure logins by password). Use a
/// database that is of no further use: the accounts stay.
///
/// Every workload can go over TLS (--tls, with --ca FILE for an authority of your own; the server has --tls-cert and
/// --tls-key), in WebSocket frames (--websocket), or both. What full handshakes cost the server:
///
///   stonechat-load handshakes --tls --ca ca.pem --no-resumption --pid server=PID
///
/// and with --rate N, what becomes of N of them a second. "handshakes per CPU second" is the figure to compare.
///
/// Exit code 0: all messages came exactly once and in order. 1: they did not, or the run failed. 2: the command line is
/// wrong.
#[derive(Parser, Debug)]
#[command(name = "stonechat-load", version, verbatim_doc_comment)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) workload: Workload,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Workload {
    /// People who talk one to one, both at the same time
    Pairs(PairsArgs),
    /// Groups in which some talk and all listen
    Groups(GroupsArgs),
    /// Sessions that only sit there
    Idle(IdleArgs),
    /// Connect, log in, close, and again
    Logins(LoginsArgs),
    /// All sessions are cut off at once and come back
    Storm(StormArgs),
    /// A user who was away while much was said logs in
    Backlog(BacklogArgs),
    /// Connect over TLS, exchange one line, close, and again
    Handshakes(HandshakesArgs),
}

/// Flags of all workloads.
#[derive(Args, Debug)]
pub(crate) struct Common {
    /// The server; with several nodes, connections are dealt round
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8000", global = true)]
    pub(crate) connect: Vec<SocketAddr>,
    #[command(flatten)]
    pub(crate) transport: TransportArgs,
    /// Measure the CPU and memory of this process, too; may be repeated
    #[arg(long = "pid", value_name = "NAME=PID", global = true)]
    pub(crate) pids: Vec<Watched>,
    /// How long to measure, in seconds
    #[arg(long, value_name = "S", default_value_t = 5.0, value_parser = seconds, global = true)]
    seconds: f64,
    /// How long to run before measuring, in seconds
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = seconds, global = true)]
    warmup: f64,
    /// The text of each message, in bytes
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = message_bytes, global = true)]
    pub(crate) message_bytes: usize,
    /// Log in with `ack` and confirm (DELIVERED) after every K messages
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..), global = true)]
    confirm: Option<u32>,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// How connections are made. Without a flag: plain lines over TCP.
#[derive(Args, Debug)]
pub(crate) struct TransportArgs {
    /// Over TLS
    #[arg(long, global = true)]
    pub(crate) tls: bool,
    #[command(flatten)]
    pub(crate) of_tls: TlsArgs,
    /// Lines in WebSocket frames, at /ws; with --tls also over TLS
    #[arg(long, global = true)]
    pub(crate) websocket: bool,
}

/// Whom to trust, and what to remember.
#[derive(Args, Debug)]
pub(crate) struct TlsArgs {
    /// With --tls: trust the authorities in this PEM file, and no others [default: the system's]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) ca: Option<PathBuf>,
    /// With --tls: the name that the server's certificate must have [default: the address of --connect]
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) server_name: Option<String>,
    /// With --tls: never resume a session, so that every handshake is a full one. Otherwise whoever connects again brings a
    /// ticket, as clients do
    #[arg(long, global = true)]
    pub(crate) no_resumption: bool,
}

impl TransportArgs {
    /// # Errors
    /// A flag needs one that is not there, or there are no authorities for TLS.
    fn way(&self) -> Result<Way> {
        let TlsArgs { ca, server_name, no_resumption } = &self.of_tls;
        let given =
            [(ca.is_some(), "--ca"), (server_name.is_some(), "--server-name"), (*no_resumption, "--no-resumption")];
        if let Some((_, flag)) = given.iter().find(|(is_given, _)| *is_given && !self.tls) {
            bail!("{flag} is about TLS: give --tls, too");
        }
        let resume = if *no_resumption { Resume::Nothing } else { Resume::Tickets };
        let tls = self.tls.then(|| Tls::new(ca.as_deref(), server_name.clone(), resume)).transpose()?;
        Way::new(tls, if self.websocket { Messages::Frames } else { Messages::Lines })
    }

    /// Whether lines go over TCP as they are.
    pub(crate) fn is_plain(&self) -> bool {
        !self.tls && !self.websocket
    }
}

impl fmt::Display for TransportArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.websocket, self.tls) {
            (false, false) => "plain",
            (false, true) => "tls",
            (true, false) => "websocket",
            (true, true) => "websocket over tls",
        })
    }
}

impl Common {
    /// An event loop whose connections are made as the flags say.
    ///
    /// # Errors
    /// The flags contradict each other, or the system has not what it needs.
    pub(crate) fn engine(&self) -> Result<Engine> {
        Engine::new(self.transport.way()?)
    }

    pub(crate) fn confirm(&self) -> Confirm {
        self.confirm.map_or(Confirm::Never, Confirm::Every)
    }

    pub(crate) fn times(&self) -> Times {
        Times { warmup: Duration::from_secs_f64(self.warmup), measure: Duration::from_secs_f64(self.seconds) }
    }
}

/// When messages are sent.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(crate) struct PaceArgs {
    /// Closed loop: so many messages of each sender are under way [default: 1]
    #[arg(long, value_name = "W", value_parser = clap::value_parser!(u32).range(1..))]
    window: Option<u32>,
    /// Open loop: so many messages a second in all, whatever has arrived; latency counts from the time at which a message
    /// was to be sent
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<f64>,
}

impl PaceArgs {
    pub(crate) fn pace(&self) -> Pace {
        self.rate.map_or(Pace::Window(self.window.unwrap_or(1)), Pace::Rate)
    }
}

impl fmt::Display for PaceArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pace() {
            Pace::Window(window) => write!(f, "window {window}"),
            Pace::Rate(rate) => write!(f, "open loop at {rate} messages/s"),
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct PairsArgs {
    /// Connections in all; every two are a pair
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = count)]
    pub(crate) connections: usize,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// No server: a thread that only copies bytes from socket to socket, to see what the kernel allows on this machine.
    /// There are no acks
    #[arg(long)]
    pub(crate) limit: bool,
    /// Say READ where DELIVERED would be said, after each message unless --confirm says otherwise
    #[arg(long, conflicts_with = "limit")]
    pub(crate) read: bool,
}

#[derive(Args, Debug)]
pub(crate) struct GroupsArgs {
    /// How many groups
    #[arg(long, value_name = "G", default_value_t = 2, value_parser = count)]
    pub(crate) groups: usize,
    /// Members of each
    #[arg(long, value_name = "M", default_value_t = 100, value_parser = count)]
    pub(crate) members: usize,
    /// How many of them talk
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = count)]
    pub(crate) senders: usize,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// One group that is there already, by its id: the accounts of --accounts are members of it, among others who are not
    /// online
    #[arg(long, value_name = "ID", requires = "accounts", conflicts_with_all = ["groups", "members"], value_parser = group_id)]
    pub(crate) group: Option<GroupId>,
    /// With --group: its members that log in, as `idle --accounts` writes them
    #[arg(long, value_name = "FILE", requires = "group")]
    pub(crate) accounts: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct IdleArgs {
    /// Sessions
    #[arg(long, value_name = "C", default_value_t = 15_000, value_parser = count)]
    pub(crate) connections: usize,
    /// Groups of each, with 100 members
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) groups: usize,
    /// Friends of each
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) friends: usize,
    /// Take the accounts from this file; if there is none, make them and write it. Start the server anew in between, and
    /// the second run measures what sessions cost and not what making accounts left behind
    #[arg(long, value_name = "FILE")]
    pub(crate) accounts: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct LoginsArgs {
    /// With what
    #[arg(long, value_enum, default_value_t = By::Token)]
    pub(crate) by: By,
    /// Logins under way at once
    #[arg(long, value_name = "K", default_value_t = 64, value_parser = count)]
    pub(crate) in_flight: usize,
}

#[derive(Args, Debug)]
pub(crate) struct StormArgs {
    /// Sessions
    #[arg(long, value_name = "C", default_value_t = 10_000, value_parser = count)]
    pub(crate) connections: usize,
    /// Sessions that come back at the same time; the others wait for their turn
    #[arg(long, value_name = "K", default_value_t = 1000, value_parser = count)]
    pub(crate) in_flight: usize,
    /// Come back as clients should instead: each after 0.5 to 1 s, and if it is refused, after 1 to 2 s, and so on. Each
    /// tells its partner something as soon as it is back, whether the partner is back or not
    #[arg(long, conflicts_with = "in_flight")]
    pub(crate) patient: bool,
    /// Cut the sessions off by killing this process (SIGKILL): the node that has all of them. Needs --patient
    #[arg(long, value_name = "PID", requires = "patient")]
    pub(crate) kill: Option<u32>,
    /// Before the cut, say "ready" on standard error and wait for a line on standard input
    #[arg(long)]
    pub(crate) wait: bool,
    /// All are members of one group. The server needs `--set quota.group_members=0`
    #[arg(long)]
    pub(crate) group: bool,
}

#[derive(Args, Debug)]
pub(crate) struct BacklogArgs {
    /// Messages that wait for the user
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = count)]
    pub(crate) messages: usize,
    /// How many others they are from
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = count)]
    pub(crate) senders: usize,
}

#[derive(Args, Debug)]
pub(crate) struct HandshakesArgs {
    /// Open loop: so many connections are begun each second, whatever has become of the others. Latency counts from the time
    /// at which one was to begin [default: closed loop, as fast as the server goes]
    #[arg(long, value_name = "N", value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// Handshakes under way at once; with --rate at most so many, and more than that count as failed [default: 64, with
    /// --rate 2000]
    #[arg(long, value_name = "K", value_parser = count)]
    in_flight: Option<usize>,
}

impl HandshakesArgs {
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.unwrap_or(if self.rate.is_some() { 2000 } else { 64 })
    }
}

/// What a login shows.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum By {
    Password,
    Token,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password => "password",
            Self::Token => "token",
        })
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    number_between(text, 0.01, 86_400.0)
}

fn rate(text: &str) -> Result<f64, String> {
    number_between(text, 0.1, 10_000_000.0)
}

fn number_between(text: &str, min: f64, max: f64) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (min..=max).contains(&number) { Ok(number) } else { Err(format!("from {min} to {max}")) }
}

fn group_id(text: &str) -> Result<GroupId, String> {
    text.parse().ok().and_then(GroupId::new).ok_or_else(|| "not a group's id".to_owned())
}

fn count(text: &str) -> Result<usize, String> {
    let number: usize = text.parse().map_err(|_| "not a whole number".to_owned())?;
    if (1..=1_000_000).contains(&number) { Ok(number) } else { Err("from 1 to 1000000".to_owned()) }
}

fn message_bytes(text: &str) -> Result<usize, String> {
    let number: usize = text.parse().map_err(|_| "not a whole number".to_owned())?;
    let range = STAMP_BYTES..=1_000_000;
    if range.contains(&number) { Ok(number) } else { Err(format!("from {} to {}", range.start(), range.end())) }
}
