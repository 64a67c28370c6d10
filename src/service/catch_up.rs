//! Questions to the store on a session's behalf, asked by the reactor and answered by a worker: pages of missed
//! messages, and the position in a group that was joined elsewhere.

use super::conn_ctx::LiveCtx;
use super::message::{Followed, ReactorMessage};
use super::protocol::ReactorCtx;
use super::workers::question_job;
use super::{Ctx, Held, ServiceError};
use crate::bus::Channel;
use crate::delivery::Which;
use crate::ids::{ConvId, DeviceId, GroupId, UserId};
use crate::store::{Page, Place};

/// Messages of a page at most; fewer where the outbox is small.
const PAGE_MESSAGES_MAX: usize = 100;
/// A page takes at most this part of the outbox in bodies, and as many messages as fit with 1 KiB for each.
const PAGE_PART_OF_OUTBOX: usize = 4;

/// Asks for what the session has missed in these conversations. The answer comes as [`ReactorMessage::Fetched`].
pub(super) fn fetch(reactor: &ReactorCtx, on: &LiveCtx<'_>, places: Vec<Place>) {
    let LiveCtx { conn, ref live, now, .. } = *on;
    let (user, device, epoch) = (live.user, live.device, live.epoch);
    let last = |place: &Place| live.seqs.last_heard(place.conv).map(|last| (*place, last));
    let lasts: Vec<(Place, Which)> = places.iter().filter_map(last).collect();
    let ask = move |ctx: &mut Ctx| {
        let pages = read(ctx, user, device, epoch, &places)?;
        compare_lasts(ctx, user, device, epoch, &lasts)?;
        Ok(pages)
    };
    let job = question_job(conn, ask, move |pages| ReactorMessage::Fetched { conn, pages });
    reactor.workers.submit(job, now);
}

/// Whether the store has the messages that the session has had ahead of these places. What follows them says nothing of that:
/// bells may have been lost, and the numbers given out again.
fn compare_lasts(
    ctx: &mut Ctx,
    user: UserId,
    device: DeviceId,
    epoch: u32,
    lasts: &[(Place, Which)],
) -> Result<(), ServiceError> {
    if lasts.is_empty() {
        return Ok(());
    }
    let ahead = |place: &Place| Place { after: place.after.map(|seq| seq.saturating_sub(1)), ..*place };
    let places: Vec<Place> = lasts.iter().map(|(place, _)| ahead(place)).collect();
    let one_of_each = u32::try_from(places.len()).expect("a question is about few");
    let pages = ctx.store.pages(user, device, &places, one_of_each, usize::MAX)?;
    for ((place, last), page) in lasts.iter().zip(&pages) {
        if let (Some(seq), Some(message)) = (place.after, page.messages.first())
            && message.seq == seq
            && Which::of(message.sender.id, message.sent_at) != *last
        {
            ctx.shared.epoch.another(epoch, place.conv, seq);
        }
    }
    Ok(())
}

/// The positions are read every time: who is no member any more reads nothing.
fn read(
    ctx: &mut Ctx,
    user: UserId,
    device: DeviceId,
    epoch: u32,
    places: &[Place],
) -> Result<Vec<Page>, ServiceError> {
    ctx.check_late()?;
    let outbox_bytes = ctx.shared.config.limits.outbox_bytes;
    let messages_max = (outbox_bytes / 1024).clamp(1, PAGE_MESSAGES_MAX);
    let messages_max = u32::try_from(messages_max).expect("clamped to a small number");
    let bytes_max = outbox_bytes / PAGE_PART_OF_OUTBOX;
    let pages = ctx.store.pages(user, device, places, messages_max, bytes_max)?;
    for (place, page) in places.iter().zip(&pages) {
        // The session had had messages up to there before this was read.
        if let Some(position) = page.position {
            ctx.shared.epoch.compare(epoch, place.conv, place.after.unwrap_or(0), position.last_seq);
        }
    }
    Ok(pages)
}

/// The user of this session has joined a group elsewhere: subscribe, and then read where the cursor stands. The answer
/// comes as [`ReactorMessage::JoinedElsewhere`]; the session is compared with the store if bells come only later.
pub(super) fn follow_join(reactor: &ReactorCtx, on: &LiveCtx<'_>, group: GroupId) {
    let LiveCtx { conn, ref live, now, .. } = *on;
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
        ReactorMessage::JoinedElsewhere { conn, group, followed }
    });
    reactor.workers.submit(job, now);
}
