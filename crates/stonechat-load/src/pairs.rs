//! `pairs`: people who talk one to one, both at the same time.

use anyhow::{Result, ensure};

use crate::cli::{Common, PairsArgs};
use crate::forwarder;
use crate::ledger::Numbering;
use crate::meter::Meter;
use crate::open_files;
use crate::progress::Progress;
use crate::report::Report;
use crate::setup::{Account, Confirm, Stage};
use crate::talk::{Plan, Room, Talk};
use crate::wire::{around_read_seq, around_seq, around_text};

/// What a push has that a request has not; with it, what the forwarder carries is as long.
const PUSH_FIELDS: &str = "\"id\":10000,\"name\":\"load-00000000-100\",\"toid\":10000,";
const PUSH_TIME: &str = "\"time\":\"2026-03-14T09:26:53.589Z\"";

/// Runs it.
pub(crate) fn run(common: &Common, args: &PairsArgs, progress: &Progress) -> Result<Report> {
    let connections = args.connections + args.connections % 2;
    let confirm = match common.confirm() {
        Confirm::Never if args.read => Confirm::Every(1),
        given => given,
    };
    let mut engine = common.engine()?;
    let mut meter = Meter::new(&common.pids)?;
    let (rooms, numbering) = if args.limit {
        ensure!(common.transport.is_plain(), "--limit forwards plain lines: leave out --tls and --websocket");
        open_files::allow(2 * connections)?;
        let ends = forwarder::start(connections / 2)?;
        ends.sockets.into_iter().enumerate().try_for_each(|(k, socket)| engine.net.adopt(k, socket))?;
        meter.watch_thread(ends.thread);
        (forwarded_rooms(connections / 2), Numbering::Sender)
    } else {
        open_files::allow(connections)?;
        let mut stage = Stage { engine: &mut engine, targets: &common.connect, progress };
        let mut accounts = stage.register(connections)?;
        stage.log_in(&mut accounts, confirm)?;
        (rooms(&accounts, args.read)?, Numbering::Server)
    };
    let plan = Plan {
        workload: title(common, args, connections),
        rooms,
        numbering,
        pace: args.pace.pace(),
        confirm: if args.limit { Confirm::Never } else { confirm },
        message_bytes: common.message_bytes,
        times: common.times(),
    };
    let mut talk = Talk::new(progress, meter, plan);
    engine.run(&mut talk)?;
    talk.report()
}

fn title(common: &Common, args: &PairsArgs, connections: usize) -> String {
    let through = if args.limit { ", through a bare forwarder instead of a server" } else { "" };
    let how = if args.read { ", who say what they have read" } else { "" };
    format!("pairs: {connections} connections{how}, {}, {}-byte messages{through}", args.pace, common.message_bytes)
}

fn rooms(accounts: &[Account], reads: bool) -> Result<Vec<Room>> {
    let said = if reads { around_read_seq } else { around_seq };
    let room = |(nth, two): (usize, &[Account])| {
        let peers = two.iter().rev().map(Account::peer).collect::<Result<Vec<_>>>()?;
        Ok(Room {
            name: format!("pair {nth}"),
            first: 2 * nth,
            members: 2,
            lines: peers.iter().map(|peer| around_text(*peer)).collect(),
            delivered: peers.iter().map(|peer| said(*peer)).collect(),
        })
    };
    accounts.chunks_exact(2).enumerate().map(room).collect()
}

/// Nobody between makes a push of a request, so the line is a push already.
fn forwarded_rooms(pairs: usize) -> Vec<Room> {
    let line = || (format!("{{\"msgid\":6,{PUSH_FIELDS}\"msg\":\""), format!("\",{PUSH_TIME},\"seq\":"));
    let room = |nth| Room {
        name: format!("pair {nth}"),
        first: 2 * nth,
        members: 2,
        lines: vec![line(), line()],
        delivered: Vec::new(),
    };
    (0..pairs).map(room).collect()
}
