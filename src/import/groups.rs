//! Groups and who is in them: what becomes of each row, and how they are written.

use std::collections::BTreeMap;

use super::error::ImportError;
use super::identity::mark;
use super::names::{self, Letters, Name};
use super::people::{People, part_in, tell_name};
use super::progress::Progress;
use super::report::{Report, Table, Why};
use super::source::Fields;
use super::target::{Ledger, Target};
use crate::clock::UnixMs;
use crate::ids::{GroupId, UserId};
use crate::store::bulk::{Brought, NewGroup, membership_number};
use crate::store::{Named, Role};

/// The longest description in characters.
const DESC_CHARS_MAX: usize = 200;

/// Members of the groups of one transaction, about.
const MEMBERS_AT_ONCE: usize = 4_096;

/// A group of the source.
struct Group {
    name: Name,
    raw_name: Option<String>,
    desc: String,
    members: BTreeMap<UserId, Role>,
    mark: i64,
    /// An earlier run has brought it.
    is_present: bool,
    /// And it was deleted since.
    is_gone: bool,
}

/// All groups of the source, by id.
#[derive(Default)]
pub(super) struct Groups {
    groups: BTreeMap<u32, Group>,
}

impl Groups {
    /// Takes a row: id, name, description.
    pub(super) fn take(&mut self, row: Fields, letters: Letters, report: &mut Report) -> Result<(), ImportError> {
        report.tally(Table::Group).read += 1;
        let [id, raw_name, desc] = <[Option<String>; 3]>::try_from(row).unwrap_or_default();
        let id_text = id.unwrap_or_default();
        let Some(id) = id_text.parse().ok().and_then(GroupId::new) else {
            return Ok(report.left_out(Table::Group, &id_text, Why::BadId)?);
        };
        let id = id.number();
        let name = names::fit(raw_name.as_deref(), letters, &format!("group-{id}"));
        let desc = fit_desc(id, &desc.unwrap_or_default(), letters, report)?;
        let mark = mark("group", id, raw_name.as_deref());
        let members = BTreeMap::new();
        self.groups.insert(id, Group { name, raw_name, desc, members, mark, is_present: false, is_gone: false });
        Ok(())
    }

    /// Takes a member: group, user, role.
    pub(super) fn take_member(&mut self, row: Fields, people: &People, report: &mut Report) -> Result<(), ImportError> {
        report.tally(Table::Member).read += 1;
        let [group, user, role] = <[Option<String>; 3]>::try_from(row).unwrap_or_default();
        let (group_text, user_text) = (group.unwrap_or_default(), user.unwrap_or_else(|| "NULL".to_owned()));
        let told = format!("group {group_text}, user {user_text}");
        let group = group_text.parse().ok().and_then(|group: u32| self.groups.get_mut(&group));
        let Some(group) = group else { return Ok(report.left_out(Table::Member, &told, Why::NoSuchGroup)?) };
        let user = match user_text.parse().map_err(|_| Why::NoSuchUser).and_then(|id| people.find(id)) {
            Ok(user) => user,
            Err(why) => return Ok(report.left_out(Table::Member, &told, why)?),
        };
        let (role, why) = match role.as_deref().map(str::trim) {
            // sponge calls its creators admins.
            Some("creator" | "admin") => (Role::Creator, None),
            Some("normal") => (Role::Normal, None),
            None | Some("") => (Role::Normal, Some(Why::NoRole)),
            Some(_) => (Role::Normal, Some(Why::UnknownRole)),
        };
        if let Some(known) = group.members.get_mut(&user) {
            if role == Role::Creator {
                *known = Role::Creator;
            }
            return Ok(report.left_out(Table::Member, &told, Why::Double)?);
        }
        group.members.insert(user, role);
        why.map_or(Ok(()), |why| Ok(report.changed(Table::Member, &told, why, None)?))
    }

    /// Behind the last member: gives each group one creator, and leaves out those in which nobody is.
    pub(super) fn settle_members(&mut self, report: &mut Report) -> Result<(), ImportError> {
        let empty: Vec<u32> =
            self.groups.iter().filter(|(_, group)| group.members.is_empty()).map(|(&id, _)| id).collect();
        for id in empty {
            self.groups.remove(&id);
            report.left_out(Table::Group, &id.to_string(), Why::NoMembers)?;
        }
        for (id, group) in &mut self.groups {
            let mut has_creator = false;
            for (user, role) in group.members.iter_mut().filter(|(_, role)| **role == Role::Creator) {
                if std::mem::replace(&mut has_creator, true) {
                    *role = Role::Admin;
                    report.changed(Table::Member, &format!("group {id}, user {user}"), Why::SecondCreator, None)?;
                }
            }
            if let Some(mut first) = group.members.first_entry().filter(|_| !has_creator) {
                *first.get_mut() = Role::Creator;
                report.changed(Table::Group, &id.to_string(), Why::NoCreator, None)?;
            }
        }
        Ok(())
    }

    /// The group of this id, if there is one here and in the target.
    pub(super) fn find(&self, id: i64) -> Result<GroupId, Why> {
        let group = GroupId::new(id).ok_or(Why::NoSuchGroup)?;
        match self.groups.get(&group.number()) {
            None => Err(Why::NoSuchGroup),
            Some(known) if known.is_gone => Err(Why::Gone),
            Some(_) => Ok(group),
        }
    }

    /// Whether the user is in the group.
    pub(super) fn has_member(&self, group: GroupId, user: UserId) -> bool {
        self.groups.get(&group.number()).is_some_and(|group| group.members.contains_key(&user))
    }

    /// Looks which groups are in the target already; see [`People::meet`].
    pub(super) fn meet(&mut self, target: &mut Target) -> Result<Vec<String>, ImportError> {
        let ledger = target.ledger(Brought::Group)?;
        for (id, group) in &mut self.groups {
            // Deleted, unless it is found among those that are there.
            group.is_present = ledger.get(&i64::from(*id)) == Some(&group.mark);
            group.is_gone = group.is_present;
        }
        let ids: Vec<GroupId> = self.groups.keys().filter_map(|&id| GroupId::new(id.into())).collect();
        let mut conflicts = Vec::new();
        for present in target.groups(&ids)? {
            let Some(group) = self.groups.get_mut(&present.id) else { continue };
            group.is_gone = present.is_gone;
            if !group.is_present {
                conflicts.push(format!("group {} (\"{}\")", present.id, present.name.escape_debug()));
            }
        }
        Ok(conflicts)
    }

    /// See [`People::settle_names`].
    pub(super) fn settle_names(&mut self, target: Option<&mut Target>, report: &mut Report) -> Result<(), ImportError> {
        let mut settled: BTreeMap<u32, Name> =
            self.groups.iter().map(|(&id, group)| (id, group.name.clone())).collect();
        part_in(&mut settled, Named::Group, target)?;
        for (id, name) in settled {
            let Some(group) = self.groups.get_mut(&id) else { continue };
            tell_name(Table::Group, id, group.raw_name.as_deref(), &name, report)?;
            group.name = name;
        }
        Ok(())
    }

    /// Writes those groups and members that are not there yet.
    pub(super) fn write(&self, mut target: Option<&mut Target>, report: &mut Report) -> Result<(), ImportError> {
        let missing: Vec<(&u32, &Group)> = self.groups.iter().filter(|(_, group)| !group.is_present).collect();
        report.tally(Table::Group).present = (self.groups.len() - missing.len()) as u64;
        let mut progress = Progress::new("groups", missing.len() as u64);
        let mut rest = missing.as_slice();
        while !rest.is_empty() {
            let mut members = 0;
            let fits = |(_, group): &&(&u32, &Group)| {
                members += group.members.len();
                members <= MEMBERS_AT_ONCE
            };
            let (piece, others) = rest.split_at(rest.iter().take_while(fits).count().max(1));
            rest = others;
            if let Some(target) = &mut target {
                let groups: Vec<NewGroup> = piece.iter().filter_map(|(id, group)| group.for_target(**id)).collect();
                target.bulk().put_groups(&groups, UnixMs::now())?;
            }
            report.tally(Table::Group).brought += piece.len() as u64;
            report.tally(Table::Member).brought +=
                piece.iter().map(|(_, group)| group.members.len() as u64).sum::<u64>();
            progress.add(piece.len() as u64);
        }
        progress.finish();
        self.write_late_members(target, report)
    }

    /// Members whom the source has got since an earlier run, in groups that this has brought.
    fn write_late_members(&self, mut target: Option<&mut Target>, report: &mut Report) -> Result<(), ImportError> {
        let present = self.groups.iter().filter(|(_, group)| group.is_present && !group.is_gone);
        let members: Vec<(GroupId, UserId)> = present
            .filter_map(|(&id, group)| Some((GroupId::new(id.into())?, group)))
            .flat_map(|(id, group)| group.members.keys().map(move |&user| (id, user)))
            .collect();
        if members.is_empty() {
            return Ok(());
        }
        let ledger: Ledger =
            target.as_mut().map(|target| target.ledger(Brought::Membership)).transpose()?.unwrap_or_default();
        let is_late = |(group, user): &&(GroupId, UserId)| !ledger.contains_key(&membership_number(*group, *user));
        let late: Vec<(GroupId, UserId)> = members.iter().filter(is_late).copied().collect();
        let tally = report.tally(Table::Member);
        tally.present += (members.len() - late.len()) as u64;
        tally.brought += late.len() as u64;
        if let Some(target) = target {
            late.chunks(MEMBERS_AT_ONCE).try_for_each(|piece| target.bulk().put_members(piece))?;
        }
        Ok(())
    }
}

impl Group {
    fn for_target(&self, id: u32) -> Option<NewGroup> {
        Some(NewGroup {
            id: GroupId::new(id.into())?,
            name: self.name.text.clone(),
            desc: self.desc.clone(),
            members: self.members.iter().map(|(&user, &role)| (user, role)).collect(),
            mark: self.mark,
        })
    }
}

/// A description as everybody can see it. Blanks alone are none, and not told of.
fn fit_desc(id: u32, raw: &str, letters: Letters, report: &mut Report) -> Result<String, ImportError> {
    let mut desc = raw.to_owned();
    let mut become_this = |text: String, why: Why, desc: &mut String| -> Result<(), ImportError> {
        if text != *desc {
            report.changed(Table::Group, &id.to_string(), why, Some((desc.as_str(), text.as_str())))?;
            *desc = text;
        }
        Ok(())
    };
    if let Some(text) = names::meant(raw, letters) {
        become_this(text, Why::Garbled, &mut desc)?;
    }
    become_this(names::without_controls(&desc), Why::Controls, &mut desc)?;
    let desc_blank = desc.trim().to_owned();
    desc = desc_blank;
    if desc.chars().count() > DESC_CHARS_MAX {
        let text = names::cut(&desc, DESC_CHARS_MAX);
        become_this(text, Why::TooLong, &mut desc)?;
    }
    Ok(desc)
}
