//! `groups`: some talk, all listen.

use anyhow::{Result, ensure};
use serde::de::IgnoredAny;
use stonechat_protocol::ask::Ask;
use stonechat_protocol::body::OfGroup;
use stonechat_protocol::ids::{GroupId, Peer};

use crate::cli::{Common, GroupsArgs};
use crate::ledger::Numbering;
use crate::meter::Meter;
use crate::open_files;
use crate::progress::Progress;
use crate::report::Report;
use crate::setup::{Account, Stage};
use crate::talk::{Plan, Room, Talk};
use crate::wire::{around_seq, around_text};

/// Runs it.
pub(crate) fn run(common: &Common, args: &GroupsArgs, progress: &Progress) -> Result<Report> {
    ensure!(args.members >= 2, "a group needs two members");
    ensure!((1..=args.members).contains(&args.senders), "--senders is from 1 to --members");
    open_files::allow(args.groups * args.members)?;
    let mut engine = common.engine()?;
    let meter = Meter::new(&common.pids)?;
    let mut stage = Stage { engine: &mut engine, targets: &common.connect, progress };
    let mut accounts = stage.register(args.groups * args.members)?;
    stage.log_in(&mut accounts, common.confirm())?;
    let groups = found(&mut stage, &accounts, args.members, 0)?;
    let plan = Plan {
        workload: title(common, args),
        rooms: groups.iter().enumerate().map(|(nth, group)| room(nth, *group, args)).collect(),
        numbering: Numbering::Server,
        pace: args.pace.pace(),
        confirm: common.confirm(),
        message_bytes: common.message_bytes,
        times: common.times(),
    };
    let mut talk = Talk::new(progress, meter, plan);
    engine.run(&mut talk)?;
    talk.report()
}

/// Each `members` accounts in a row are a group; in the `round`-th round the rows begin so many half rows later, so that
/// the groups of several rounds are not the same people. Returns the groups' ids.
pub(crate) fn found(stage: &mut Stage<'_>, accounts: &[Account], members: usize, round: usize) -> Result<Vec<GroupId>> {
    let count = accounts.len();
    let of_row = |place: usize| (place + round * members / 2) % count;
    let create = |row: usize| {
        let creator = of_row(row * members);
        let name = format!("{}-{round}", accounts[creator].name);
        (creator, Ask::CreateGroup { name: &name, desc: "load" }.line(None))
    };
    let requests = (0..count.div_ceil(members)).map(create).collect();
    let created: Vec<OfGroup> = stage.run_errands("founding groups", requests)?;
    let groups: Vec<GroupId> = created.iter().map(|reply| reply.groupid).collect();
    let join = |place: usize| (of_row(place), Ask::AddGroup(groups[place / members]).line(None));
    let others = (0..count).filter(|place| place % members != 0);
    stage.run_errands::<IgnoredAny>("joining groups", others.map(join).collect())?;
    Ok(groups)
}

fn title(common: &Common, args: &GroupsArgs) -> String {
    format!(
        "groups: {} of {} members, {} senders each, {}, {}-byte messages; a message counts once for each member who \
         gets it",
        args.groups, args.members, args.senders, args.pace, common.message_bytes
    )
}

fn room(nth: usize, group: GroupId, args: &GroupsArgs) -> Room {
    let peer = Peer::Group(group);
    Room {
        name: format!("group {nth}"),
        first: nth * args.members,
        members: args.members,
        lines: vec![around_text(peer); args.senders],
        delivered: vec![around_seq(peer); args.members],
    }
}
