//! SEARCH: what is found, in what order, and that a look is bounded and goes on where it ended.

use stonechat::clock::UnixMs;
use stonechat::ids::{ConvId, Peer, UserId};
use stonechat::store::{Append, Change, Content, Event, Keyword, SearchPlace, SearchQuery, Store};

use crate::fresh::{Fresh, NOW, append, at, group, message, user};

fn query(keyword: &str) -> SearchQuery {
    let keyword = Keyword::new(keyword);
    SearchQuery {
        keyword,
        within: None,
        from: None,
        after: None,
        rows_max: 10_000,
        bytes_max: 1 << 20,
        found_bytes_max: 1 << 20,
    }
}

/// The places of what is found, look by look, and how many looks it took.
fn all(store: &mut dyn Store, reader: UserId, mut query: SearchQuery, limit: u32) -> (Vec<(ConvId, u64)>, usize) {
    let mut found = Vec::new();
    for looks in 1..200 {
        let page = store.search(reader, &query, limit).unwrap();
        assert!(page.messages.len() <= limit as usize);
        found.extend(page.messages.iter().map(|message| (message.conv, message.seq)));
        query.after = page.next;
        if page.next.is_none() {
            return (found, looks);
        }
    }
    panic!("a search does not end");
}

pub(crate) fn what_was_said_is_found_newest_first(fresh: &Fresh) {
    let mut store = fresh.store();
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| user(&mut *store, name));
    let circle = group(&mut *store, bob, "circle");
    let (of_bob, of_eve, of_circle) = (ConvId::pair(ann, bob), ConvId::pair(ann, eve), ConvId::group(circle));
    let said = [
        at(NOW.0 + 1, message(bob, Peer::User(ann), "the Blue house")),
        at(NOW.0 + 2, message(ann, Peer::User(bob), "50% of_it")),
        at(NOW.0 + 3, message(ann, Peer::User(bob), "a blue car")),
        at(NOW.0 + 9, message(eve, Peer::User(ann), "BLUE")),
        at(NOW.0 + 5, message(bob, Peer::Group(circle), "blue among us")),
        at(NOW.0 + 6, message(bob, Peer::User(eve), "blue, but not hers")),
    ];
    append(&mut *store, &said);
    assert_eq!(all(&mut *store, ann, query("blue"), 50).0, [(of_eve, 1), (of_bob, 3), (of_bob, 1)]);
    assert_eq!(all(&mut *store, bob, query("among"), 50).0, [(of_circle, 1)]);
    for (keyword, expected) in
        [("0% o", &[(of_bob, 2)][..]), ("f_i", &[(of_bob, 2)]), ("0_o", &[]), ("%", &[(of_bob, 2)])]
    {
        assert_eq!(all(&mut *store, ann, query(keyword), 50).0, expected, "{keyword}");
    }
    let from_bob = SearchQuery { from: Some(bob), ..query("blue") };
    assert_eq!(all(&mut *store, ann, from_bob, 50).0, [(of_bob, 1)]);
    let within = SearchQuery { within: Some(of_eve), ..query("blue") };
    assert_eq!(all(&mut *store, ann, within, 50).0, [(of_eve, 1)]);
    let foreign = SearchQuery { within: Some(ConvId::pair(bob, eve)), ..query("blue") };
    assert_eq!(all(&mut *store, ann, foreign, 50).0, []);
    let left = SearchQuery { within: Some(of_circle), ..query("blue") };
    assert_eq!(all(&mut *store, ann, left, 50).0, []);
}

pub(crate) fn texts_are_found_as_they_are_now(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let to = Peer::User(bob);
    append(&mut *store, &[message(ann, to, "red"), message(ann, to, "red too")]);
    let event = |of, change| {
        let event = Event { of, change, changeable_since: UnixMs(0), reactions_max: None };
        Append { body: Content::Event(Box::new(event)), ..message(ann, to, "") }
    };
    let react = Change::React { reaction: "red".into(), on: true };
    append(&mut *store, &[event(1, Change::Edit("{\"msg\":\"green\"}".into())), event(2, react)]);
    let conv = ConvId::pair(ann, bob);
    assert_eq!(all(&mut *store, bob, query("red"), 50).0, [(conv, 2)]);
    assert_eq!(all(&mut *store, bob, query("green"), 50).0, [(conv, 1)]);
    append(&mut *store, &[event(2, Change::Recall)]);
    assert_eq!(all(&mut *store, bob, query("red"), 50).0, []);
}

pub(crate) fn a_look_is_bounded_and_goes_on(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    let others: Vec<UserId> = (0..130).map(|n| user(&mut *store, &format!("other {n}"))).collect();
    let mut expected = Vec::new();
    for (n, other) in (0..).zip(&others) {
        let texts = ["needle", "hay", "needle", "hay"];
        let said: Vec<Append> =
            texts.iter().map(|text| at(NOW.0 + n, message(*other, Peer::User(ann), text))).collect();
        append(&mut *store, &said);
        expected.splice(0..0, [(ConvId::pair(ann, *other), 3), (ConvId::pair(ann, *other), 1)]);
    }
    assert_eq!(all(&mut *store, ann, query("needle"), 1_000), (expected.clone(), 1));
    let (found, looks) = all(&mut *store, ann, query("needle"), 7);
    assert_eq!((found, looks), (expected.clone(), 38));
    let few_rows = SearchQuery { rows_max: 6, ..query("needle") };
    let (found, looks) = all(&mut *store, ann, few_rows, 1_000);
    assert_eq!((found, looks), (expected.clone(), 87));
    let few_bytes = SearchQuery { bytes_max: 100, ..query("needle") };
    assert_eq!(all(&mut *store, ann, few_bytes, 1_000).0, expected);
    let few_found = SearchQuery { found_bytes_max: 30, ..query("needle") };
    assert_eq!(all(&mut *store, ann, few_found, 1_000), (expected.clone(), 131));
    let nowhere = SearchPlace { active_at: 0, conv: ConvId::pair(ann, others[0]), before: 0 };
    assert_eq!(all(&mut *store, ann, SearchQuery { after: Some(nowhere), ..query("needle") }, 50).0, []);
}
