//! What changes a message that is there already: EDIT, RECALL, REACT. Each takes a number in the conversation, as a message does.

use super::{Envelope, Request, body, message, peer};
use crate::field::{Bounds, Parsed, RequestError, cid, flag, optional, text};
use crate::ids::{Peer, Seq};

/// The longest reaction in bytes.
pub const REACTION_BYTES_MAX: usize = 32;

/// EDIT.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    /// Which conversation.
    pub peer: Peer,
    /// The message.
    pub of: Seq,
    /// The sender's own id for the edit, in its stored form.
    pub cid: Option<Box<str>>,
    /// What the message is from now on: `{"msg":...}` or `{"msg":...,"ext":...}`.
    pub body: Box<str>,
}

impl Request for Edit {
    fn parse(line: &Envelope<'_>, bounds: Bounds) -> Parsed<Self> {
        let (peer, of) = (peer(line)?, message(line)?);
        Ok(Self { peer, of, cid: optional(line.cid, cid)?, body: body(line, bounds)? })
    }
}

/// RECALL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recall {
    /// Which conversation.
    pub peer: Peer,
    /// The message.
    pub of: Seq,
    /// The sender's own id for the recall, in its stored form.
    pub cid: Option<Box<str>>,
}

impl Request for Recall {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        Ok(Self { peer: peer(line)?, of: message(line)?, cid: optional(line.cid, cid)? })
    }
}

/// REACT.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct React {
    /// Which conversation.
    pub peer: Peer,
    /// The message.
    pub of: Seq,
    /// With what: a short text, mostly one emoji.
    pub reaction: Box<str>,
    /// Whether it is there from now on.
    pub on: bool,
    /// The sender's own id for it, in its stored form.
    pub cid: Option<Box<str>>,
}

impl Request for React {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        let (peer, of) = (peer(line)?, message(line)?);
        let fields = line.seldom();
        let reaction = text("reaction", fields.reaction)?;
        if reaction.is_empty() || reaction.len() > REACTION_BYTES_MAX {
            let told = format!("`reaction` must have 1 to {REACTION_BYTES_MAX} bytes");
            return Err(RequestError::malformed(told));
        }
        if reaction.chars().any(char::is_control) {
            return Err(RequestError::malformed("`reaction` must not contain control characters".to_owned()));
        }
        let reaction = reaction.into_owned().into_boxed_str();
        Ok(Self { peer, of, reaction, on: flag("on", fields.on)?, cid: optional(line.cid, cid)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errno::Errno;
    use crate::ids::{GroupId, UserId};
    use crate::request::testing::{parse, refused};

    const BEN: Peer = Peer::User(UserId::of_test(2));

    #[test]
    fn an_edit_is_a_message_once_more() {
        let edit: Edit = parse(r#"{"msgid":57,"id":2,"of":7,"msg":"a\u00e9","ext":{"n":1.0},"cid":7}"#);
        assert_eq!((edit.peer, edit.of, edit.cid.as_deref()), (BEN, 7, Some("\u{1}i7")));
        assert_eq!(&*edit.body, r#"{"msg":"a\u00e9","ext":{"n":1.0}}"#);
        for (line, field) in [
            (r#"{"msgid":57,"id":2,"msg":"x"}"#, "of"),
            (r#"{"msgid":57,"id":2,"of":0,"msg":"x"}"#, "of"),
            (r#"{"msgid":57,"id":2,"of":"7","msg":"x"}"#, "of"),
            (r#"{"msgid":57,"id":2,"of":7}"#, "msg"),
            (r#"{"msgid":57,"of":7,"msg":"x"}"#, "groupid"),
            (r#"{"msgid":57,"id":2,"groupid":2,"of":7,"msg":"x"}"#, "groupid"),
        ] {
            refused::<Edit>(line, field);
        }
        let long = format!(r#"{{"msgid":57,"id":2,"of":7,"msg":"{}"}}"#, "x".repeat(65));
        assert_eq!(refused::<Edit>(&long, "msg").errno, Errno::TooLarge);
    }

    #[test]
    fn a_recall_names_a_message() {
        let recall: Recall = parse(r#"{"msgid":59,"groupid":3,"of":7,"cid":"c"}"#);
        let group = Peer::Group(GroupId::new(3).unwrap());
        assert_eq!(recall, Recall { peer: group, of: 7, cid: Some("c".into()) });
        refused::<Recall>(r#"{"msgid":59,"groupid":3,"of":-7}"#, "of");
    }

    #[test]
    fn a_reaction_is_short_and_can_be_seen() {
        let react: React = parse(r#"{"msgid":61,"id":2,"of":7,"reaction":"\ud83d\udc4d\"","on":false}"#);
        assert_eq!((react.peer, &*react.reaction, react.on), (BEN, "👍\"", false));
        for (reaction, on, field) in [
            (r#""""#, "true", "reaction"),
            ("7", "true", "reaction"),
            (r#""\n""#, "true", "reaction"),
            (r#""👍👍👍👍👍👍👍👍x""#, "true", "reaction"),
            (r#""x""#, "1", "on"),
            (r#""x""#, "null", "on"),
        ] {
            let line = format!(r#"{{"msgid":61,"id":2,"of":7,"reaction":{reaction},"on":{on}}}"#);
            assert_eq!(refused::<React>(&line, field).errno, Errno::Malformed);
        }
    }
}
