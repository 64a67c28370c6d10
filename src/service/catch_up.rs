//! Questions to the store on a session's behalf, asked by the reactor and answered by a worker: pages of missed
//! messages, and the position in a group that was joined elsewhere.

use std::time::Instant;

use super::local::Tools;
use super::mail::{Followed, Mail};
use super::session::Live;
use super::workers::question_job;
use super::{Ctx, Held, ServiceError};
use crate::bus::Channel;
use crate::delivery::tracks::{Fetch, Fetched};
use crate::ids::{ConvId, DeviceId, GroupId, UserId};
use crate::net::ConnId;
use crate::store::Range;

/// Messages of a page at most; fewer where the outbox is small.
const PAGE_MESSAGES_MAX: usize = 100;
/// A page takes at most this part of the outbox in bodies, and as many messages as fit with 1 KiB for each.
const PAGE_PART_OF_OUTBOX: usize = 4;

/// Asks for a page. The answer comes as [`Mail::Fetched`].
pub fn fetch(tools: &Tools, conn: ConnId, live: &Live, fetch: Fetch, now: Instant) {
    let (user, device, epoch) = (live.user, live.device, live.epoch);
    let ask = move |ctx: &mut Ctx| read(ctx, user, device, epoch, fetch);
    let job = question_job(conn, ask, move |fetched| Mail::Fetched { conn, fetched });
    tools.workers.submit(job, now);
}

/// The position is read every time: who is no member any more reads nothing.
fn read(ctx: &mut Ctx, user: UserId, device: DeviceId, epoch: u32, fetch: Fetch) -> Result<Fetched, ServiceError> {
    ctx.check_late()?;
    let Fetch { conv, after } = fetch;
    let Some(position) = ctx.store.position(user, device, conv)? else {
        return Ok(Fetched { conv, position: None, messages: Vec::new() });
    };
    // The session had had messages up to `after` before this was read.
    ctx.shared.epoch.compare(epoch, conv, after.unwrap_or(0), position.last_seq);
    let after = after.unwrap_or(position.delivered);
    let outbox_bytes = ctx.shared.config.limits.outbox_bytes;
    let messages_max = (outbox_bytes / 1024).clamp(1, PAGE_MESSAGES_MAX);
    let messages_max = u32::try_from(messages_max).expect("clamped to a small number");
    let bytes_max = outbox_bytes / PAGE_PART_OF_OUTBOX;
    let page = ctx.store.messages(user, conv, Range::After(after), messages_max, bytes_max)?;
    // The user may have left since the position was read.
    let position = page.is_some().then_some(position);
    Ok(Fetched { conv, position, messages: page.map(|(messages, _)| messages).unwrap_or_default() })
}

/// The user of this session has joined a group elsewhere: subscribe, and then read where the cursor stands. The answer
/// comes as [`Mail::JoinedElsewhere`]; the session is compared with the store if bells come only later.
pub fn follow_join(tools: &Tools, conn: ConnId, live: &Live, group: GroupId, now: Instant) {
    let (user, device) = (live.user, live.device);
    let ask = move |ctx: &mut Ctx| {
        let held = Held::new(&ctx.shared, conn, vec![Channel::Group(group)]);
        ctx.check_late()?;
        let position = ctx.store.position(user, device, ConvId::group(group))?;
        Ok((held, position))
    };
    let job = question_job(conn, ask, move |asked| {
        let followed = match asked {
            Some((held, position)) => {
                held.hand_over();
                position.map_or(Followed::NoMember, |position| Followed::Member(position.delivered))
            }
            // What was subscribed to has been given back already.
            None => Followed::Failed,
        };
        Mail::JoinedElsewhere { conn, group, followed }
    });
    tools.workers.submit(job, now);
}
