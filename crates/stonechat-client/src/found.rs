//! A message that was searched for, as one line.

use stonechat_protocol::ids::Peer;

use crate::model::{Message, Model};
use crate::printable::printable_line;
use crate::zone::Zone;

/// `2026-03-14 09:26 #chess #12 cleo: who brings the board?`
pub(crate) fn line(model: &Model, zone: &Zone, peer: Peer, message: &Message) -> String {
    let local = zone.local(message.at);
    let place = match peer {
        Peer::Group(_) => format!("#{}", printable_line(&model.title(peer))),
        Peer::User(_) => printable_line(&model.title(peer)),
    };
    let name = printable_line(&model.name_of(message.sender, &message.name));
    let text = printable_line(&message.text);
    format!("{} {} {place} #{} {name}: {text}", local.day(), local.clock(), message.seq)
}
