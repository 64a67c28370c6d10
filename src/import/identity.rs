//! What makes a row the same one in the next run: hashes of what the source says. Pure.

use sha2::{Digest, Sha256};

use crate::ids::{ConvId, UserId, hex};

/// What the cids of messages begin with that were brought in.
const CID: &str = "import-";

/// Bytes of a message's hash: two messages never have the same.
const CID_BYTES: usize = 16;

/// What is noted of a user or a group of this id.
pub(super) fn mark(kind: &str, id: u32, name: Option<&str>) -> i64 {
    let digest = digest(&[kind.as_bytes(), &id.to_be_bytes(), name.unwrap_or("\0").as_bytes()]);
    let (head, _) = digest.split_first_chunk().expect("a hash has 32 bytes");
    i64::from_be_bytes(*head)
}

/// What a message is known by. Those who say the same at the same time to the same mean one message, or say it again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Fingerprint([u8; CID_BYTES]);

impl Fingerprint {
    /// `text` and `time` as they are in the table.
    pub(super) fn of(conv: ConvId, sender: UserId, text: &str, time: &str) -> Self {
        let parts: [&[u8]; 4] =
            [&conv.number().to_be_bytes(), &sender.number().to_be_bytes(), time.as_bytes(), text.as_bytes()];
        let (head, _) = digest(&parts).split_first_chunk().map(|(head, rest)| (*head, rest.len())).expect("32 bytes");
        Self(head)
    }

    /// The message's cid, as it is stored; `again` counts those that are the same, from 0.
    pub(super) fn cid(self, again: usize) -> String {
        let ending = if again == 0 { String::new() } else { format!("-{again}") };
        format!("{CID}{}{ending}", hex(&self.0))
    }
}

/// Of parts whose lengths count, too.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cid;

    fn user(number: i64) -> UserId {
        UserId::new(number).unwrap()
    }

    #[test]
    fn another_row_is_another_one() {
        assert_eq!(mark("user", 1, Some("ann")), mark("user", 1, Some("ann")));
        let others = [
            mark("user", 2, Some("ann")),
            mark("user", 1, Some("ben")),
            mark("group", 1, Some("ann")),
            mark("user", 1, None),
        ];
        assert!(others.iter().all(|other| *other != mark("user", 1, Some("ann"))));
    }

    #[test]
    fn a_cid_is_one_that_a_client_could_have_given() {
        let conv = ConvId::pair(user(1), user(2));
        let message = Fingerprint::of(conv, user(1), "hi", "t");
        for again in [0, 1, 1_000_000] {
            let text = message.cid(again);
            assert_eq!(*cid::of_string(&text), *text);
            assert!(text.chars().count() <= 64);
        }
        assert_ne!(message.cid(0), message.cid(1));
        assert_ne!(message, Fingerprint::of(conv, user(2), "hi", "t"));
        assert_ne!(message, Fingerprint::of(conv, user(1), "hit", ""));
    }
}
