//! Who is online: here by the directory, elsewhere by the bus.

use super::Ctx;
use crate::bus::Channel;
use crate::ids::UserId;

/// For each user, whether there is a session on any node. What cannot be known (the bus is away) is offline.
#[must_use]
pub fn online(ctx: &Ctx, users: &[UserId]) -> Vec<bool> {
    let mut online: Vec<bool> = users.iter().map(|user| ctx.shared.directory.is_online(*user)).collect();
    let unknown: Vec<usize> = (0..users.len()).filter(|index| !online[*index]).collect();
    if unknown.is_empty() {
        return online;
    }
    let channels: Vec<Channel> = unknown.iter().map(|index| Channel::User(users[*index])).collect();
    match ctx.shared.bus.elsewhere(&channels) {
        Ok(counts) => {
            for (index, count) in unknown.into_iter().zip(counts) {
                online[index] = count > 0;
            }
        }
        Err(error) => log::debug!("presence is unknown: {error}"),
    }
    online
}
