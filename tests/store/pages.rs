//! What a session has missed, conversation by conversation.

use stonechat::ids::{ConvId, DeviceId, Peer, UserId};
use stonechat::store::{
    Append, Change, Content, CursorRow, Event, GroupChange, Page, PastShown, Pending, Place, Store,
};

use crate::fresh::{Fresh, NOW, Saving as _, append, group, message, user};
use crate::group_order::NOTHING;

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

/// Asked for together, sessions are told what each would be told alone.
pub(crate) fn many_sessions_in_a_group_are_answered_as_if_alone(fresh: &Fresh) {
    let mut store = fresh.store();
    let names = ["ann", "bob", "cat", "dan", "eve", "far", "new", "out"];
    let [ann, bob, cat, dan, eve, far, new, out] = names.map(|name| user(&mut *store, name));
    let chess = group(&mut *store, ann, "chess");
    let conv = ConvId::group(chess);
    for member in [bob, cat, dan, eve, far, out] {
        store.join_group(member, chess, NOW).unwrap();
    }
    let phone = store.device(eve, "phone").unwrap().id;
    let say = |store: &mut dyn Store, count| {
        append(store, &(0..count).map(|_| message(ann, Peer::Group(chess), BODY)).collect::<Vec<_>>())
    };
    say(&mut *store, 40);
    // From now on new members read what comes behind their joining, whatever their cursor says.
    let since_joining = GroupChange { past: Some(PastShown::SinceJoining), ..NOTHING };
    store.set_group(ann, chess, &since_joining, NOW).unwrap().unwrap();
    store.join_group(new, chess, NOW).unwrap();
    say(&mut *store, 2);
    store.quit_group(out, chess).unwrap();
    let row = |user, device, delivered| CursorRow { user, device, conv, delivered };
    let confirmed = [
        row(bob, UNNAMED, 41),
        row(cat, UNNAMED, 42),
        row(dan, UNNAMED, 30),
        row(eve, UNNAMED, 41),
        row(eve, phone, 42),
        row(far, UNNAMED, 3),
    ];
    store.save(&confirmed).unwrap();
    fresh.execute(&format!("UPDATE `Cursor` SET delivered = 39 WHERE userid = {new}"));

    let readers: Vec<(UserId, DeviceId)> = [bob, cat, dan, eve, far, new, out, ann]
        .map(|user| (user, UNNAMED))
        .into_iter()
        .chain([(eve, phone)])
        .collect();
    let place = Place { conv, after: None };
    let alone = |store: &mut dyn Store, limit| -> Vec<Page> {
        readers
            .iter()
            .flat_map(|(user, device)| store.pages(*user, *device, &[place], limit, usize::MAX).unwrap())
            .collect()
    };
    for told in [42, 41, 1] {
        let together = store.pages_of_many(chess, told, &readers, 100, usize::MAX).unwrap();
        assert_eq!(together, alone(&mut *store, 100), "told of {told}");
    }
    let pages = store.pages_of_many(chess, 42, &readers, 100, usize::MAX).unwrap();
    let first: Vec<Option<u64>> = pages.iter().map(|page| page.messages.first().map(|message| message.seq)).collect();
    let expected = [Some(42), None, Some(31), Some(42), Some(4), Some(41), None, Some(1), None];
    assert_eq!(first, expected);
    assert_eq!(pages[6].position, None, "who has left reads nothing");

    // What is each one's own is told to each.
    let like = Change::React { reaction: "+".into(), on: true };
    let event = Event { of: 42, change: like, changeable_since: NOW, reactions_max: None };
    append(&mut *store, &[Append { body: Content::Event(Box::new(event)), ..message(bob, Peer::Group(chess), "") }]);
    let together = store.pages_of_many(chess, 43, &readers, 100, usize::MAX).unwrap();
    assert_eq!(together, alone(&mut *store, 100));
    assert_eq!(together[0].messages[0].reactions.len(), 1);
    assert!(together[0].messages[0].reactions[0].mine, "it is bob's");
    assert!(!together[3].messages[0].reactions[0].mine, "it is not eve's");
}

/// What is read for all has room for a part only: an empty page would say that there is nothing.
pub(crate) fn who_finds_no_room_among_many_sessions_is_answered_alone(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let chess = group(&mut *store, ann, "chess");
    store.join_group(bob, chess, NOW).unwrap();
    append(&mut *store, &(0..10).map(|_| message(ann, Peer::Group(chess), BODY)).collect::<Vec<_>>());
    store.save(&[CursorRow { user: bob, device: UNNAMED, conv: ConvId::group(chess), delivered: 9 }]).unwrap();
    let readers = [(bob, UNNAMED), (ann, UNNAMED)];
    let body = r#"{"msg":"0123456789"}"#.len();
    for (limit, bytes_max) in [(1, usize::MAX), (100, 2 * body)] {
        let pages = store.pages_of_many(chess, 10, &readers, limit, bytes_max).unwrap();
        assert_eq!(pages[0].messages.iter().map(|message| message.seq).collect::<Vec<_>>(), [10]);
        assert_eq!(pages[1].messages[0].seq, 1);
    }
}
