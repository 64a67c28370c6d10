//! `groups`: some talk, all listen.

use anyhow::{Result, ensure};
use serde::de::IgnoredAny;
use stonechat_protocol::ask::Ask;
use stonechat_protocol::body::OfGroup;
use stonechat_protocol::ids::{GroupId, Peer};

use crate::accounts_file;
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
    let known = args.accounts.as_deref().map(accounts_file::read).transpose()?.flatten();
    let members = known.as_ref().map_or(args.members, Vec::len);
    let sessions = if known.is_some() { members } else { args.groups * members };
    ensure!(known.is_some() || args.group.is_none(), "there is no such file of accounts");
    ensure!(members >= 2, "a group needs two members");
    ensure!((1..=members).contains(&args.senders), "--senders is from 1 to --members");
    open_files::allow(sessions)?;
    let mut engine = common.engine()?;
    let meter = Meter::new(&common.pids)?;
    let mut stage = Stage { engine: &mut engine, targets: &common.connect, progress };
    let mut accounts = if let Some(known) = known { known } else { stage.register(sessions)? };
    stage.log_in(&mut accounts, common.confirm())?;
    let groups = match args.group {
        Some(group) => vec![group],
        None => found(&mut stage, &accounts, members, 0)?,
    };
    let room = |(nth, group): (usize, &GroupId)| room(nth, *group, (members, args.senders));
    let plan = Plan {
        workload: title(common, args, (groups.len(), members)),
        rooms: groups.iter().enumerate().map(room).collect(),
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

fn title(common: &Common, args: &GroupsArgs, (groups, members): (usize, usize)) -> String {
    format!(
        "groups: {groups} of {members} members{}, {} senders each, {}, {}-byte messages; a message counts once for each \
         member who gets it",
        if args.group.is_some() { " online" } else { "" },
        args.senders,
        args.pace,
        common.message_bytes
    )
}

fn room(nth: usize, group: GroupId, (members, senders): (usize, usize)) -> Room {
    let peer = Peer::Group(group);
    Room {
        name: format!("group {nth}"),
        first: nth * members,
        members,
        lines: vec![around_text(peer); senders],
        delivered: vec![around_seq(peer); members],
    }
}
