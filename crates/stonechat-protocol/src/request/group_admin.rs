//! Looking after a group: GROUP_SET, GROUP_ROLE, GROUP_KICK, GROUP_BANS, GROUP_MUTE, GROUP_INVITE, GROUP_ANSWER, GROUP_REQUESTS.

use std::borrow::Cow;

use super::{DESC_CHARS_MAX, Envelope, ListPage, Request};
use crate::body::{Join, ReadFrom, Role, Speak};
use crate::field::{Bounds, Parsed, RequestError, bounded, flag, group_id, new_name, number, optional, user_id, word};
use crate::ids::{GroupId, UserId};

/// The longest GROUP_MUTE in seconds: a year.
pub const MUTE_SECONDS_MAX: u32 = 365 * 24 * 3_600;

/// GROUP_SET. What is `None` stays as it is; at least one is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupSet {
    /// The group.
    pub group: GroupId,
    /// Its new name.
    pub name: Option<String>,
    /// What it is about now; may be empty.
    pub desc: Option<String>,
    /// How one becomes a member.
    pub join: Option<Join>,
    /// Who may say something.
    pub speak: Option<Speak>,
    /// From where on new members read.
    pub history: Option<ReadFrom>,
}

impl Request for GroupSet {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        let fields = line.seldom();
        let desc = optional(line.groupdesc, |raw| bounded("groupdesc", Some(raw), DESC_CHARS_MAX))?;
        let set = Self {
            group: group_id("groupid", line.groupid)?,
            name: optional(line.groupname, |raw| new_name("groupname", Some(raw)))?,
            desc: desc.map(Cow::into_owned),
            join: optional(fields.join, |raw| word("join", Some(raw), &Join::WORDS))?,
            speak: optional(fields.speak, |raw| word("speak", Some(raw), &Speak::WORDS))?,
            history: optional(fields.history, |raw| word("history", Some(raw), &ReadFrom::WORDS))?,
        };
        let Self { name, desc, join, speak, history, .. } = &set;
        if name.is_none() && desc.is_none() && join.is_none() && speak.is_none() && history.is_none() {
            let told = "`groupname`, `groupdesc`, `join`, `speak` or `history` is missing";
            return Err(RequestError::malformed(told.to_owned()));
        }
        Ok(set)
    }
}

/// A member of a group, or somebody who may become one: GROUP_INVITE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OneMember {
    /// The group.
    pub group: GroupId,
    /// Who.
    pub user: UserId,
}

impl Request for OneMember {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        Ok(Self { group: group_id("groupid", line.groupid)?, user: user_id("id", line.id)? })
    }
}

/// GROUP_ROLE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupRole {
    /// The group.
    pub group: GroupId,
    /// The member.
    pub user: UserId,
    /// What the member is from now on.
    pub role: Role,
}

impl Request for GroupRole {
    fn parse(line: &Envelope<'_>, bounds: Bounds) -> Parsed<Self> {
        let OneMember { group, user } = OneMember::parse(line, bounds)?;
        Ok(Self { group, user, role: word("role", line.seldom().role, &Role::WORDS)? })
    }
}

/// GROUP_KICK.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupKick {
    /// The group.
    pub group: GroupId,
    /// The member.
    pub user: UserId,
    /// Nor may the member come again.
    pub ban: bool,
}

impl Request for GroupKick {
    fn parse(line: &Envelope<'_>, bounds: Bounds) -> Parsed<Self> {
        let OneMember { group, user } = OneMember::parse(line, bounds)?;
        let ban = optional(line.seldom().ban, |raw| flag("ban", Some(raw)))?.unwrap_or(false);
        Ok(Self { group, user, ban })
    }
}

/// GROUP_BANS: a page of who is banned, by ascending id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupBans {
    /// The group.
    pub group: GroupId,
    /// Whose ban ends first.
    pub lift: Option<UserId>,
    /// The page.
    pub page: ListPage,
}

impl Request for GroupBans {
    fn parse(line: &Envelope<'_>, bounds: Bounds) -> Parsed<Self> {
        let group = group_id("groupid", line.groupid)?;
        let lift = optional(line.seldom().lift, |raw| user_id("lift", Some(raw)))?;
        Ok(Self { group, lift, page: ListPage::parse(line, bounds)? })
    }
}

/// GROUP_MUTE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupMute {
    /// The group.
    pub group: GroupId,
    /// The member.
    pub user: UserId,
    /// For how long from now on; 0: the member may speak again.
    pub seconds: u32,
}

impl Request for GroupMute {
    fn parse(line: &Envelope<'_>, bounds: Bounds) -> Parsed<Self> {
        let OneMember { group, user } = OneMember::parse(line, bounds)?;
        let seconds = u32::try_from(number("seconds", line.seldom().seconds)?).unwrap_or(u32::MAX);
        if seconds > MUTE_SECONDS_MAX {
            let told = format!("`seconds` must be at most {MUTE_SECONDS_MAX}, which is a year");
            return Err(RequestError::malformed(told));
        }
        Ok(Self { group, user, seconds })
    }
}

/// GROUP_ANSWER.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupAnswer {
    /// The group.
    pub group: GroupId,
    /// Whose wish to join is answered; `None`: one's own invitation is.
    pub user: Option<UserId>,
    /// Whether that one becomes a member.
    pub accept: bool,
}

impl Request for GroupAnswer {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        let group = group_id("groupid", line.groupid)?;
        let user = optional(line.id, |raw| user_id("id", Some(raw)))?;
        Ok(Self { group, user, accept: flag("accept", line.accept)? })
    }
}

/// GROUP_REQUESTS: a page of who wants to join, by ascending id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupRequests {
    /// The group.
    pub group: GroupId,
    /// The page.
    pub page: ListPage,
}

impl Request for GroupRequests {
    fn parse(line: &Envelope<'_>, bounds: Bounds) -> Parsed<Self> {
        Ok(Self { group: group_id("groupid", line.groupid)?, page: ListPage::parse(line, bounds)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::testing::{parse, refused};

    fn group() -> GroupId {
        GroupId::new(3).unwrap()
    }

    const BEN: UserId = UserId::of_test(2);

    #[test]
    fn a_group_is_set_in_known_words_only() {
        let set: GroupSet = parse(r#"{"msgid":67,"groupid":3,"groupdesc":"","join":"ask","speak":"all"}"#);
        let (join, speak) = (Some(Join::Ask), Some(Speak::All));
        let desc = Some(String::new());
        assert_eq!(set, GroupSet { group: group(), name: None, desc, join, speak, history: None });
        let set: GroupSet = parse(r#"{"msgid":67,"groupid":3,"groupname":"chess","history":"joined"}"#);
        assert_eq!((set.name.as_deref(), set.history), (Some("chess"), Some(ReadFrom::Joined)));
        for (fields, field) in [
            (r#""x":1"#, "join"),
            (r#""join":"closed""#, "join"),
            (r#""speak":true"#, "speak"),
            (r#""history":"none""#, "history"),
            (r#""groupname":" ""#, "groupname"),
            (r#""groupdesc":7"#, "groupdesc"),
        ] {
            refused::<GroupSet>(&format!(r#"{{"msgid":67,"groupid":3,{fields}}}"#), field);
        }
    }

    #[test]
    fn who_is_meant_is_always_named() {
        let role: GroupRole = parse(r#"{"msgid":69,"groupid":3,"id":2,"role":"admin"}"#);
        assert_eq!(role, GroupRole { group: group(), user: BEN, role: Role::Admin });
        refused::<GroupRole>(r#"{"msgid":69,"groupid":3,"id":2,"role":"owner"}"#, "role");
        refused::<GroupRole>(r#"{"msgid":69,"groupid":3,"role":"admin"}"#, "id");
        let kick: GroupKick = parse(r#"{"msgid":71,"groupid":3,"id":2}"#);
        assert_eq!(kick, GroupKick { group: group(), user: BEN, ban: false });
        assert!(parse::<GroupKick>(r#"{"msgid":71,"groupid":3,"id":2,"ban":true}"#).ban);
        let invited = OneMember { group: group(), user: BEN };
        assert_eq!(parse::<OneMember>(r#"{"msgid":77,"groupid":3,"id":2}"#), invited);
        let bans: GroupBans = parse(r#"{"msgid":73,"groupid":3,"lift":2,"after":7}"#);
        assert_eq!((bans.lift, bans.page.after, bans.page.limit), (Some(BEN), 7, 500));
        let answer: GroupAnswer = parse(r#"{"msgid":79,"groupid":3,"accept":true}"#);
        assert_eq!(answer, GroupAnswer { group: group(), user: None, accept: true });
        assert_eq!(parse::<GroupAnswer>(r#"{"msgid":79,"groupid":3,"id":2,"accept":false}"#).user, Some(BEN));
        refused::<GroupAnswer>(r#"{"msgid":79,"groupid":3}"#, "accept");
        assert_eq!(parse::<GroupRequests>(r#"{"msgid":81,"groupid":3,"limit":9999}"#).page.limit, 500);
    }

    #[test]
    fn nobody_is_muted_for_more_than_a_year() {
        let mute: GroupMute = parse(r#"{"msgid":75,"groupid":3,"id":2,"seconds":31536000}"#);
        assert_eq!(mute.seconds, MUTE_SECONDS_MAX);
        assert_eq!(parse::<GroupMute>(r#"{"msgid":75,"groupid":3,"id":2,"seconds":0}"#).seconds, 0);
        for seconds in ["31536001", "4294967296", "-1", "1.5", "null"] {
            let line = format!(r#"{{"msgid":75,"groupid":3,"id":2,"seconds":{seconds}}}"#);
            refused::<GroupMute>(&line, "seconds");
        }
    }
}
