//! One's account, and whom it has to do with: BLOCK, PASSWORD, SESSIONS, PROFILE, ERASE, ASKED.

use super::{Envelope, ListPage, Request, peer};
use crate::envelope::Field;
use crate::field::{
    Bounds, ExtBounds, Parsed, RequestError, ext, flag, group_id, is_string, new_name, number, optional, password,
    user_id, word,
};
use crate::ids::{Peer, UserId};

/// The longest `ext` of a profile in bytes.
pub const PROFILE_BYTES_MAX: usize = 2 * 1024;

/// BLOCK.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// Whom.
    pub user: UserId,
    /// Whether that one is blocked from now on.
    pub on: bool,
}

impl Request for Block {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        Ok(Self { user: user_id("id", line.id)?, on: flag("on", line.seldom().on)? })
    }
}

/// PASSWORD.
#[derive(Clone, PartialEq, Eq)]
pub struct ChangePassword {
    /// The one until now.
    pub password: String,
    /// The one from now on.
    pub new: String,
}

impl Request for ChangePassword {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        Ok(Self { password: password("pwd", line.pwd)?, new: password("new", line.seldom().new)? })
    }
}

/// Which sessions are to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The one with this number in the list.
    One(u64),
    /// All but the one that asks.
    Others,
}

/// SESSIONS: a page of them, by ascending number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sessions {
    /// What ends first.
    pub end: Option<End>,
    /// The page.
    pub page: ListPage,
}

impl Request for Sessions {
    fn parse(line: &Envelope<'_>, bounds: Bounds) -> Parsed<Self> {
        let end = optional(line.seldom().end, |raw| match raw.get() {
            text if is_string(text) => word("end", Some(raw), &[("others", End::Others)]),
            _ => number("end", Some(raw)).map(End::One),
        })?;
        Ok(Self { end, page: ListPage::parse(line, bounds)? })
    }
}

/// PROFILE. What is `None` stays as it is; one of the two is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// The new name.
    pub name: Option<String>,
    /// What else others are to see, as the JSON text that was sent; `Some(None)`: nothing any more.
    pub ext: Option<Option<Box<str>>>,
}

impl Request for Profile {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        let name = optional(line.name, |raw| new_name("name", Some(raw)))?;
        let given = optional(line.ext, |raw| Ok(Box::from(&*ext(raw, ExtBounds::of_profile(PROFILE_BYTES_MAX))?)))?;
        let ext = line.is_given(Field::ext).then_some(given);
        if name.is_none() && ext.is_none() {
            return Err(RequestError::malformed("`name` or `ext` is missing".to_owned()));
        }
        Ok(Self { name, ext })
    }
}

/// ERASE.
#[derive(Clone, PartialEq, Eq)]
pub struct Erase {
    /// That it is meant.
    pub password: String,
}

impl Request for Erase {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        Ok(Self { password: password("pwd", line.pwd)? })
    }
}

/// ASKED.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// What one no longer asks for: that user's friendship, or to be a member of that group.
    pub withdraw: Option<Peer>,
}

#[derive(Clone, Copy)]
enum Kind {
    Friend,
    Group,
}

impl Request for Asked {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        let withdraw = optional(line.seldom().withdraw, |raw| {
            let kind = word("withdraw", Some(raw), &[("friend", Kind::Friend), ("group", Kind::Group)])?;
            if line.id.is_some() && line.groupid.is_some() {
                return peer(line);
            }
            match kind {
                Kind::Friend => user_id("id", line.id).map(Peer::User),
                Kind::Group => group_id("groupid", line.groupid).map(Peer::Group),
            }
        })?;
        Ok(Self { withdraw })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errno::Errno;
    use crate::ids::GroupId;
    use crate::request::testing::{parse, refused};

    const BEN: UserId = UserId::of_test(2);

    #[test]
    fn somebody_is_blocked_or_not() {
        assert_eq!(parse::<Block>(r#"{"msgid":53,"id":2,"on":true}"#), Block { user: BEN, on: true });
        refused::<Block>(r#"{"msgid":53,"on":true}"#, "id");
        refused::<Block>(r#"{"msgid":53,"id":2}"#, "on");
    }

    #[test]
    fn passwords_have_their_bounds() {
        let change: ChangePassword = parse(r#"{"msgid":83,"pwd":"a","new":"b"}"#);
        assert_eq!((change.password.as_str(), change.new.as_str()), ("a", "b"));
        refused::<ChangePassword>(r#"{"msgid":83,"pwd":"a"}"#, "new");
        refused::<ChangePassword>(r#"{"msgid":83,"pwd":"a","new":""}"#, "new");
        let long = format!(r#"{{"msgid":83,"pwd":"a","new":"{}"}}"#, "x".repeat(1025));
        assert_eq!(refused::<ChangePassword>(&long, "new").errno, Errno::TooLarge);
        assert_eq!(parse::<Erase>(r#"{"msgid":89,"pwd":"a"}"#).password, "a");
        refused::<Erase>(r#"{"msgid":89}"#, "pwd");
    }

    #[test]
    fn a_session_is_ended_by_number_or_with_the_others() {
        let end = |raw: &str| parse::<Sessions>(&format!(r#"{{"msgid":85,"end":{raw}}}"#)).end;
        assert_eq!((end("7"), end("\"others\""), end("null")), (Some(End::One(7)), Some(End::Others), None));
        for bad in ["\"all\"", "-1", "1.5", "true"] {
            refused::<Sessions>(&format!(r#"{{"msgid":85,"end":{bad}}}"#), "end");
        }
    }

    #[test]
    fn a_profile_is_json_of_two_kibibytes() {
        let profile: Profile = parse(r#"{"msgid":87,"name":"anna b","ext":{"n":1.50,"a":[]}}"#);
        assert_eq!(profile.name.as_deref(), Some("anna b"));
        assert_eq!(profile.ext, Some(Some(r#"{"n":1.50,"a":[]}"#.into())));
        assert_eq!(parse::<Profile>(r#"{"msgid":87,"name":"ann"}"#).ext, None, "it stays");
        assert_eq!(parse::<Profile>(r#"{"msgid":87,"ext":null}"#).ext, Some(None), "it goes");
        refused::<Profile>(r#"{"msgid":87}"#, "ext");
        refused::<Profile>(r#"{"msgid":87,"name":"12"}"#, "name");
        let nested = |levels| format!(r#"{{"msgid":87,"ext":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
        assert!(parse::<Profile>(&nested(122)).ext.is_some());
        refused::<Profile>(&nested(123), "ext");
        let sized = |bytes: usize| format!(r#"{{"msgid":87,"ext":"{}"}}"#, "x".repeat(bytes - 2));
        assert!(parse::<Profile>(&sized(PROFILE_BYTES_MAX)).ext.is_some());
        assert_eq!(refused::<Profile>(&sized(PROFILE_BYTES_MAX + 1), "ext").errno, Errno::TooLarge);
    }

    #[test]
    fn what_was_asked_can_be_withdrawn() {
        assert_eq!(parse::<Asked>(r#"{"msgid":91}"#).withdraw, None);
        let friend: Asked = parse(r#"{"msgid":91,"withdraw":"friend","id":2}"#);
        assert_eq!(friend.withdraw, Some(Peer::User(BEN)));
        let group: Asked = parse(r#"{"msgid":91,"withdraw":"group","groupid":3}"#);
        assert_eq!(group.withdraw, GroupId::new(3).map(Peer::Group));
        refused::<Asked>(r#"{"msgid":91,"withdraw":"friend","groupid":2}"#, "id");
        refused::<Asked>(r#"{"msgid":91,"withdraw":"group","groupid":2,"id":2}"#, "groupid");
        refused::<Asked>(r#"{"msgid":91,"withdraw":"both"}"#, "withdraw");
    }
}
