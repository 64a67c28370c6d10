//! What a worker asks the store on a reactor's behalf: pages of missed messages, positions, and where conversations end.

use std::collections::BTreeMap;

use super::job::{EndQuestions, GroupQuestion, Had, JoinQuestion, PageQuestion, TypingNews};
use crate::bus::Channel;
use crate::delivery::Which;
use crate::ids::{ConvId, DeviceId, Peer, Seq, UserId};
use crate::service::ctx::{Ctx, ServiceError};
use crate::service::waiting::Held;
use crate::session::message::Standing;
use crate::store::{ClientDialect, Page, Pending, Place, Sender, StoreError};
use crate::wire::reply;

/// Messages of a page at most; fewer where the outbox is small.
const PAGE_MESSAGES_MAX: usize = 100;
/// A page takes at most this part of the outbox in bodies, and as many messages as fit with 1 KiB for each.
const PAGE_PART_OF_OUTBOX: usize = 4;

/// What the session has missed. The positions are read every time: a user who is no member any more reads nothing.
pub(crate) fn pages(ctx: &mut Ctx, question: &PageQuestion) -> Result<Vec<Page>, ServiceError> {
    ctx.check_late()?;
    let (messages_max, bytes_max) = page_limit(ctx);
    let PageQuestion { user, device, epoch, places, .. } = question;
    let pages = ctx.store.pages(*user, *device, places, messages_max, bytes_max)?;
    for (place, page) in places.iter().zip(&pages) {
        // The session had had messages up to there before this was read.
        if let Some(position) = page.position {
            ctx.shared.epoch.compare(*epoch, place.conv, place.after.unwrap_or(0), position.last_seq);
        }
    }
    compare_lasts(ctx, question)?;
    Ok(pages)
}

/// The same of many sessions that have come to one group: they are few statements in all.
pub(crate) fn pages_together(ctx: &mut Ctx, question: &GroupQuestion) -> Result<Vec<Page>, ServiceError> {
    ctx.check_late()?;
    let (messages_max, bytes_max) = page_limit(ctx);
    let GroupQuestion { group, told, sessions, devices } = question;
    let pages = ctx.store.pages_of_many(*group, *told, devices, messages_max, bytes_max)?;
    for ((_, epoch), page) in sessions.iter().zip(&pages) {
        if let Some(position) = page.position {
            ctx.shared.epoch.compare(*epoch, page.conv, 0, position.last_seq);
        }
    }
    Ok(pages)
}

/// How many messages a page has at most, and how many bytes of bodies.
fn page_limit(ctx: &Ctx) -> (u32, usize) {
    let outbox_bytes = ctx.config.limits.outbox_bytes;
    let messages_max = (outbox_bytes / 1024).clamp(1, PAGE_MESSAGES_MAX);
    let messages_max = u32::try_from(messages_max).expect("clamped to a small number");
    (messages_max, outbox_bytes / PAGE_PART_OF_OUTBOX)
}

/// Whether the store has the messages that the session has had ahead of these places. What follows them says nothing of that:
/// bells may have been lost, and the numbers given out again.
fn compare_lasts(ctx: &mut Ctx, question: &PageQuestion) -> Result<(), ServiceError> {
    let PageQuestion { user, device, epoch, lasts, .. } = question;
    if lasts.is_empty() {
        return Ok(());
    }
    let ahead = |place: &Place| Place { after: place.after.map(|seq| seq.saturating_sub(1)), ..*place };
    let places: Vec<Place> = lasts.iter().map(|(place, _)| ahead(place)).collect();
    let one_of_each = u32::try_from(places.len()).expect("a question is about few");
    let pages = ctx.store.pages(*user, *device, &places, one_of_each, usize::MAX)?;
    for ((place, last), page) in lasts.iter().zip(&pages) {
        if let (Some(seq), Some(message)) = (place.after, page.messages.first())
            && message.seq == seq
            && Which::of(message.sender.id, message.sent_at) != *last
        {
            ctx.shared.epoch.another(*epoch, place.conv, seq);
        }
    }
    Ok(())
}

/// In larger groups nobody is told who is typing.
const TYPING_MEMBERS_MAX: u32 = 200;

/// Tells that somebody is typing, where that is told.
pub(crate) fn typing(ctx: &mut Ctx, news: &TypingNews) {
    if ctx.is_late {
        return;
    }
    match ctx.store.is_typing_told(news.user, news.to, TYPING_MEMBERS_MAX) {
        Ok(true) => {
            let group = if let Peer::Group(group) = news.to { Some(group) } else { None };
            ctx.types(news.user, news.to, reply::typing(news.user, &news.name, group));
            ctx.flush();
        }
        Ok(false) => {}
        Err(error) => log::debug!("nobody is told that user {} is typing: {error}", news.user),
    }
}

/// Remembers by which earlier system's client a user speaks.
pub(crate) fn remember_dialect(ctx: &mut Ctx, user: UserId, dialect: ClientDialect) {
    if ctx.is_late {
        return;
    }
    if let Err(error) = ctx.store.set_dialect(user, Some(dialect)) {
        log::debug!("it is not remembered that user {user} speaks {}: {error}", dialect.name());
    }
}

/// The user of a session has joined a group elsewhere: subscribes, and then reads where the cursor stands. The session is
/// compared with the store if bells come only later.
pub(crate) fn position_after_join(
    ctx: &mut Ctx,
    question: JoinQuestion,
) -> Result<(Held, Option<Pending>), ServiceError> {
    let JoinQuestion { conn, user, device, following } = question;
    let group = following.group;
    let held = Held::new(&ctx.shared, conn, vec![Channel::Group(group)]);
    ctx.check_late()?;
    let position = ctx.store.position(user, device, ConvId::group(group))?;
    Ok((held, position))
}

/// Where the sessions stand, one for each.
pub(crate) fn standings(ctx: &mut Ctx, devices: &[(UserId, DeviceId)]) -> Result<Vec<Standing>, ServiceError> {
    ctx.check_late()?;
    let users: Vec<UserId> = devices.iter().map(|(user, _)| *user).collect();
    let groups = ctx.store.group_ids_of_all(&users)?;
    let pending = ctx.store.pending_of_all(devices)?;
    Ok(pending.into_iter().zip(groups).map(|(pending, groups)| Standing { pending, groups }).collect())
}

/// Tells the epoch where the conversations end, and whether other messages are there than sessions have had.
pub(crate) fn ends(ctx: &mut Ctx, questions: &EndQuestions) {
    let convs: Vec<ConvId> = questions.had.keys().copied().collect();
    match ctx.store.ends(&convs) {
        Ok(ends) => {
            for (conv, end) in ends {
                if let Some(had) = questions.had.get(&conv) {
                    ctx.shared.epoch.compare(had.generation, conv, had.end, end);
                }
            }
        }
        Err(error) => log::debug!("cannot look at the ends of conversations: {error}"),
    }
    if let Err(error) = lasts(ctx, questions) {
        log::debug!("cannot look at the last messages of sessions: {error}");
    }
}

/// Whether the store has the messages that sessions have had last. As many new ones may have come since the data went back that
/// the conversation ends no earlier than before.
fn lasts(ctx: &mut Ctx, questions: &EndQuestions) -> Result<(), StoreError> {
    let of = questions.had.iter().flat_map(|(conv, had)| had.lasts.iter().map(|(seq, _)| (*conv, *seq)));
    let of: Vec<(ConvId, Seq)> = of.collect();
    for (generation, conv, seq) in replaced(&questions.had, &ctx.store.senders(&of)?) {
        ctx.shared.epoch.another(generation, conv, seq);
    }
    Ok(())
}

/// Where the store has another message than some session has had; with the generation of that session's data.
fn replaced<'a>(
    had: &'a BTreeMap<ConvId, Had>,
    stored: &'a [Sender],
) -> impl Iterator<Item = (u32, ConvId, Seq)> + use<'a> {
    stored.iter().filter_map(|&Sender { conv, seq, user, sent_at }| {
        let Had { generation, lasts, .. } = had.get(&conv)?;
        let is = Which::of(user, sent_at);
        lasts.iter().any(|(number, which)| *number == seq && *which != is).then_some((*generation, conv, seq))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;

    #[test]
    fn another_message_under_a_number_is_told_from_the_same_one() {
        let user = UserId::new(7).unwrap();
        let convs = [1, 2].map(|number| ConvId::from_number(number).unwrap());
        let which = |at| Which::of(user, UnixMs(at));
        let had = convs.map(|conv| (conv, Had { generation: 3, end: 9, lasts: vec![(8, which(80)), (9, which(90))] }));
        let sender = |conv, seq, at| Sender { conv, seq, user, sent_at: UnixMs(at) };
        let told = |stored: &[Sender]| replaced(&had.clone().into(), stored).collect::<Vec<_>>();
        let [one, two] = convs;
        assert_eq!(told(&[sender(one, 8, 80), sender(two, 9, 90)]), []);
        assert_eq!(told(&[sender(one, 8, 80), sender(two, 9, 91)]), [(3, two, 9)]);
        assert_eq!(told(&[sender(one, 7, 0)]), [], "nobody has had that one last");
        assert_eq!(told(&[sender(ConvId::from_number(3).unwrap(), 8, 0)]), []);
    }
}
