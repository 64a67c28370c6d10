//! One's own view of conversations: READ, CONVERSATIONS, TYPING, CONVERSATION_SET, SEARCH, RECEIPTS.

use super::{Envelope, LIST_ROWS_MAX, PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX, Request, after, limit, peer};
use crate::field::{Bounds, Parsed, RequestError, bounded, flag, number, opaque, optional, user_id};
use crate::ids::{Peer, Seq, UserId};

/// The fewest characters that can be searched for.
pub const SEARCH_CHARS_MIN: usize = 2;
/// The most.
pub const SEARCH_CHARS_MAX: usize = 200;

/// READ: everything up to `seq` in the conversation with `peer` has been read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Read {
    /// Whose messages, or which group's.
    pub peer: Peer,
    /// The last one.
    pub seq: Seq,
}

impl Request for Read {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        Ok(Self { peer: peer(line)?, seq: number("seq", line.seq)? })
    }
}

/// CONVERSATIONS: a page of them, the latest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conversations {
    /// The `next` of the page before.
    pub after: Option<String>,
    /// At most so many.
    pub limit: u32,
}

impl Request for Conversations {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        let after = optional(line.after, |raw| opaque("after", Some(raw)))?;
        Ok(Self { after, limit: limit(line, PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX)? })
    }
}

/// TYPING.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Typing {
    /// To whom.
    pub peer: Peer,
}

impl Request for Typing {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        Ok(Self { peer: peer(line)? })
    }
}

/// CONVERSATION_SET. What is `None` stays as it is; one of the two is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConversationSet {
    /// Which conversation.
    pub peer: Peer,
    /// Nothing is to draw attention to it.
    pub muted: Option<bool>,
    /// It is to be kept at hand.
    pub pinned: Option<bool>,
}

impl Request for ConversationSet {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        let peer = peer(line)?;
        let muted = optional(line.seldom().muted, |raw| flag("muted", Some(raw)))?;
        let pinned = optional(line.seldom().pinned, |raw| flag("pinned", Some(raw)))?;
        if muted.is_none() && pinned.is_none() {
            return Err(RequestError::malformed("`muted` or `pinned` is missing".to_owned()));
        }
        Ok(Self { peer, muted, pinned })
    }
}

/// SEARCH.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Search {
    /// What a message is to contain.
    pub keyword: String,
    /// In this conversation only.
    pub peer: Option<Peer>,
    /// Said by this user only.
    pub from: Option<UserId>,
    /// At most so many messages.
    pub limit: u32,
    /// The `next` of the page before.
    pub after: Option<String>,
}

impl Request for Search {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        let keyword = bounded("keyword", line.keyword, SEARCH_CHARS_MAX)?.into_owned();
        if keyword.chars().count() < SEARCH_CHARS_MIN {
            let told = format!("`keyword` must have at least {SEARCH_CHARS_MIN} characters");
            return Err(RequestError::malformed(told));
        }
        let is_of_one = line.id.is_some() || line.groupid.is_some();
        let peer = is_of_one.then(|| peer(line)).transpose()?;
        let from = optional(line.seldom().from, |raw| user_id("from", Some(raw)))?;
        let after = optional(line.after, |raw| opaque("after", Some(raw)))?;
        Ok(Self { keyword, peer, from, limit: limit(line, PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX)?, after })
    }
}

/// RECEIPTS: a page of who has received and read up to where, by ascending id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receipts {
    /// Which conversation.
    pub peer: Peer,
    /// Users with a greater id than this.
    pub after: u32,
    /// At most so many.
    pub limit: u32,
}

impl Request for Receipts {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        Ok(Self { peer: peer(line)?, after: after(line)?, limit: limit(line, LIST_ROWS_MAX, LIST_ROWS_MAX)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::testing::{parse, refused};

    const BEN: Peer = Peer::User(UserId::of_test(2));

    #[test]
    fn a_conversation_is_read_up_to_somewhere() {
        assert_eq!(parse::<Read>(r#"{"msgid":45,"id":2,"seq":7}"#), Read { peer: BEN, seq: 7 });
        refused::<Read>(r#"{"msgid":45,"id":2}"#, "seq");
        refused::<Read>(r#"{"msgid":45,"seq":7}"#, "id");
        assert_eq!(parse::<Typing>(r#"{"msgid":50,"id":2}"#), Typing { peer: BEN });
        refused::<Typing>(r#"{"msgid":50}"#, "id");
    }

    #[test]
    fn pages_are_bounded_and_go_on_where_the_server_said() {
        let page: Conversations = parse(r#"{"msgid":47}"#);
        assert_eq!(page, Conversations { after: None, limit: 50 });
        let page: Conversations = parse(r#"{"msgid":47,"after":"x.7","limit":1000}"#);
        assert_eq!(page, Conversations { after: Some("x.7".to_owned()), limit: 200 });
        refused::<Conversations>(r#"{"msgid":47,"limit":0}"#, "limit");
        refused::<Conversations>(r#"{"msgid":47,"after":7}"#, "after");
        refused::<Conversations>(&format!(r#"{{"msgid":47,"after":"{}"}}"#, "x".repeat(201)), "after");
        let page: Receipts = parse(r#"{"msgid":65,"id":2,"after":7}"#);
        assert_eq!(page, Receipts { peer: BEN, after: 7, limit: 500 });
        refused::<Receipts>(r#"{"msgid":65,"id":2,"after":"7"}"#, "after");
    }

    #[test]
    fn a_flag_that_is_left_out_stays() {
        let set: ConversationSet = parse(r#"{"msgid":51,"id":2,"muted":true}"#);
        assert_eq!(set, ConversationSet { peer: BEN, muted: Some(true), pinned: None });
        refused::<ConversationSet>(r#"{"msgid":51,"id":2}"#, "pinned");
        refused::<ConversationSet>(r#"{"msgid":51,"id":2,"pinned":1}"#, "pinned");
    }

    #[test]
    fn two_characters_can_be_searched_for() {
        let search: Search = parse(r#"{"msgid":63,"keyword":"你好","from":3,"id":2,"limit":7,"after":"n"}"#);
        let from = UserId::new(3);
        let after = Some("n".to_owned());
        assert_eq!(search, Search { keyword: "你好".to_owned(), peer: Some(BEN), from, limit: 7, after });
        assert_eq!(parse::<Search>(r#"{"msgid":63,"keyword":"ab"}"#).peer, None);
        for keyword in [r#""a""#, "12", "null", &format!("\"{}\"", "x".repeat(201))] {
            refused::<Search>(&format!(r#"{{"msgid":63,"keyword":{keyword}}}"#), "keyword");
        }
        refused::<Search>(r#"{"msgid":63,"keyword":"ab","id":2,"groupid":3}"#, "id");
        refused::<Search>(r#"{"msgid":63,"keyword":"ab","from":"ben"}"#, "from");
    }
}
