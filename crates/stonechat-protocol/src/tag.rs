//! What a client calls a request, so that it knows the reply.

use serde::{Deserialize, Serialize};

/// A request's `tag`, which its reply repeats: an integer or a short string.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Tag {
    /// An integer.
    Number(i64),
    /// A string of at most 256 bytes, as JSON.
    Text(String),
}
