//! Members of a group who are named in a text: `@cleo`. Their clients draw their attention to it.

use serde_json::{Map, Value, json};
use stonechat_protocol::ids::{Peer, UserId};

use super::outbox::Outgoing;
use super::{Message, Model};

impl Message {
    /// Whether a user is named in it.
    pub(crate) fn mentions(&self, user: UserId) -> bool {
        let named = self.ext.as_ref().and_then(|ext| ext.get("mentions")?.as_array());
        named.is_some_and(|named| named.contains(&json!(user)))
    }
}

impl Model {
    /// What other clients are told beside the text: which message it answers, and who is named in it.
    pub(super) fn ext_of(&self, outgoing: &Outgoing) -> Option<Value> {
        let mut ext = Map::new();
        if let Some(re) = outgoing.re {
            ext.insert("re".to_owned(), json!(re));
        }
        let named = self.named_in(outgoing.peer, &outgoing.text);
        if !named.is_empty() {
            ext.insert("mentions".to_owned(), json!(named));
        }
        Some(Value::Object(ext)).filter(|_| outgoing.re.is_some() || !named.is_empty())
    }

    fn named_in(&self, peer: Peer, text: &str) -> Vec<UserId> {
        let Peer::Group(group) = peer else { return Vec::new() };
        if !text.contains('@') {
            return Vec::new();
        }
        let text = text.to_lowercase();
        let members = self.roster.groups.get(&group).into_iter().flat_map(|group| &group.users);
        members.filter(|member| names(&text, &member.name.to_lowercase())).map(|member| member.id).collect()
    }
}

/// Whether `@name` stands in a text, and is no part of a longer word.
fn names(text: &str, name: &str) -> bool {
    text.match_indices('@').any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + 1..].strip_prefix(name).map(|behind| behind.chars().next());
        let is_apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        behind.is_some_and(is_apart) && is_apart(before)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_where_it_stands_for_itself() {
        assert!(names("@cleo: who?", "cleo") && names("ask @two words", "two words") && names("(@日本)", "日本"));
        assert!(!names("cleo", "cleo") && !names("@cleopatra", "cleo") && !names("me@cleo", "cleo"));
    }
}
