//! What a session has missed, conversation by conversation.

use stonechat::ids::{ConvId, DeviceId, Peer, UserId};
use stonechat::store::{CursorRow, Page, Pending, Place, Store};

use crate::fresh::{Fresh, NOW, Saving as _, append, group, message, user};

const UNNAMED: DeviceId = DeviceId::UNNAMED;
const BODY: &str = "0123456789";

/// `count` messages from each of the others to ann; their conversations.
fn chatter(store: &mut dyn Store, ann: UserId, others: usize, count: usize) -> Vec<ConvId> {
    let others: Vec<UserId> = (0..others).map(|number| user(store, &format!("user {number}"))).collect();
    for _ in 0..count {
        let batch: Vec<_> = others.iter().map(|other| message(*other, Peer::User(ann), BODY)).collect();
        append(store, &batch);
    }
    others.iter().map(|other| ConvId::pair(ann, *other)).collect()
}

fn from(after: Option<u64>) -> impl Fn(&ConvId) -> Place {
    move |conv| Place { conv: *conv, after }
}

fn seqs(pages: &[Page]) -> Vec<Vec<u64>> {
    pages.iter().map(|page| page.messages.iter().map(|message| message.seq).collect()).collect()
}

/// Asked for at once they are what they are one by one.
pub(crate) fn many_conversations_are_read_at_once(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    let convs = chatter(&mut *store, ann, 20, 3);
    let chess = group(&mut *store, ann, "chess");
    append(&mut *store, &[message(ann, Peer::Group(chess), BODY)]);
    let stranger = ConvId::pair(UserId::new(900).unwrap(), UserId::new(901).unwrap());
    let nobody = ConvId::pair(ann, UserId::new(900).unwrap());
    let row = |conv: &ConvId, delivered| CursorRow { user: ann, device: UNNAMED, conv: *conv, delivered };
    store.save(&[row(&convs[1], 2), row(&convs[2], 3)]).unwrap();
    let mut places: Vec<Place> = convs.iter().map(from(None)).collect();
    places.push(Place { conv: ConvId::group(chess), after: Some(0) });
    places.extend([stranger, nobody].map(|conv| Place { conv, after: None }));
    places[3].after = Some(1);
    places[4].after = Some(3);
    places[5].after = Some(u64::MAX);

    let pages = store.pages(ann, UNNAMED, &places, 1_000, usize::MAX).unwrap();
    let one_by_one = places.iter().map(|place| store.pages(ann, UNNAMED, &[*place], 1_000, usize::MAX).unwrap());
    assert_eq!(pages, one_by_one.flatten().collect::<Vec<_>>());
    let all = vec![1, 2, 3];
    assert_eq!(seqs(&pages)[..7], [all.clone(), vec![3], vec![], vec![2, 3], vec![], vec![], all]);
    assert_eq!(seqs(&pages)[20..], [vec![1], vec![], vec![]]);
    assert_eq!(pages[1].position, Some(Pending { conv: convs[1], delivered: 2, last_seq: 3 }));
    assert_eq!(pages[0].messages[0].body, r#"{"msg":"0123456789"}"#);
    assert_eq!(pages[0].messages[0].sender.name, "user 0");
    let positions: Vec<bool> = pages[20..].iter().map(|page| page.position.is_some()).collect();
    assert_eq!(positions, [true, false, false], "of nobody else's conversation, of none that there is not");
    assert_eq!(store.pages(ann, UNNAMED, &[], 10, 10).unwrap(), []);
}

pub(crate) fn the_room_of_a_page_is_shared_and_who_finds_none_is_left_out(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    let convs = chatter(&mut *store, ann, 4, 10);
    let places: Vec<Place> = convs.iter().map(from(Some(2))).collect();
    let one = r#"{"msg":"0123456789"}"#.len();
    let mut read = |limit, bytes_max| seqs(&store.pages(ann, UNNAMED, &places, limit, bytes_max).unwrap());
    assert_eq!(read(12, usize::MAX), vec![vec![3, 4, 5]; 4], "each its share");
    assert_eq!(read(1, usize::MAX), vec![vec![3]; 4], "one message at least");
    assert_eq!(read(12, 5 * one), [vec![3, 4, 5], vec![3, 4]]);
    assert_eq!(read(12, 6 * one), [vec![3, 4, 5], vec![3, 4, 5]]);
    assert_eq!(read(12, 0), [vec![3]], "the first one fits, however long it is");
}

pub(crate) fn who_has_left_finds_no_page_among_others(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let groups = [group(&mut *store, ann, "chess"), group(&mut *store, ann, "go"), group(&mut *store, ann, "halma")];
    for group in groups {
        store.join_group(bob, group, NOW).unwrap();
        append(&mut *store, &[message(ann, Peer::Group(group), BODY)]);
    }
    store.quit_group(bob, groups[1]).unwrap();
    let places: Vec<Place> = groups.map(ConvId::group).iter().map(from(Some(0))).collect();
    let pages = store.pages(bob, UNNAMED, &places, 100, usize::MAX).unwrap();
    assert_eq!(seqs(&pages), [vec![1], vec![], vec![1]]);
    assert_eq!(pages[1].position, None);
}
