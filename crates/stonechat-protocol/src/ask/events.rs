//! What changes a message that is there already.

use serde::ser::SerializeMap;
use serde_json::value::RawValue;

use super::{conversation, optional};
use crate::ids::{Peer, Seq};
use crate::msg_id::MsgId;

/// A request that changes a message; answered with [`crate::body::EventStored`].
#[derive(Clone, Copy, Debug)]
pub enum EventAsk<'a> {
    /// EDIT.
    Edit {
        /// The conversation.
        peer: Peer,
        /// The message.
        of: Seq,
        /// What it says from now on.
        msg: &'a str,
        /// The sender's own id for the edit: it is stored once, however often it is sent.
        cid: Option<&'a str>,
        /// Anything for other clients.
        ext: Option<&'a RawValue>,
    },
    /// RECALL.
    Recall {
        /// The conversation.
        peer: Peer,
        /// The message.
        of: Seq,
        /// The sender's own id for the recall.
        cid: Option<&'a str>,
    },
    /// REACT.
    React {
        /// The conversation.
        peer: Peer,
        /// The message.
        of: Seq,
        /// With what.
        reaction: &'a str,
        /// Whether it is there from now on.
        on: bool,
        /// The sender's own id for it.
        cid: Option<&'a str>,
    },
}

impl EventAsk<'_> {
    pub(super) fn msg_id(&self) -> MsgId {
        match self {
            Self::Edit { .. } => MsgId::Edit,
            Self::Recall { .. } => MsgId::Recall,
            Self::React { .. } => MsgId::React,
        }
    }

    pub(super) fn fields<M: SerializeMap>(&self, line: &mut M) -> Result<(), M::Error> {
        let (Self::Edit { peer, of, cid, .. } | Self::Recall { peer, of, cid } | Self::React { peer, of, cid, .. }) =
            *self;
        conversation(line, peer)?;
        line.serialize_entry("of", &of)?;
        match *self {
            Self::Edit { msg, ext, .. } => {
                line.serialize_entry("msg", msg)?;
                optional(line, "ext", ext.as_ref())?;
            }
            Self::Recall { .. } => {}
            Self::React { reaction, on, .. } => {
                line.serialize_entry("reaction", reaction)?;
                line.serialize_entry("on", &on)?;
            }
        }
        optional(line, "cid", cid.as_ref())
    }
}
