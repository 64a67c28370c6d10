//! Events: edits, recalls and reactions, who may make them, and what is left of a text that was taken back.

use stonechat::clock::UnixMs;
use stonechat::ids::{ConvId, DeviceId, GroupId, Peer, UserId};
use stonechat::store::{
    Append, Appended, Change, Content, Event, EventsPending, Kind, Listed, Message, OwnPending, Place, Range,
    ReactionCount, Store,
};

use crate::fresh::{Fresh, NOW, append, at, group, message, read, user, with_cid};

fn event(sender: UserId, to: Peer, of: u64, change: Change) -> Append {
    let event = Event { of, change, changeable_since: UnixMs(NOW.0 - 1_000), reactions_max: Some(2) };
    Append { body: Content::Event(Box::new(event)), ..message(sender, to, "") }
}

fn edit(sender: UserId, to: Peer, of: u64, text: &str) -> Append {
    event(sender, to, of, Change::Edit(format!("{{\"msg\":\"{text}\"}}").into()))
}

fn recall(sender: UserId, to: Peer, of: u64) -> Append {
    event(sender, to, of, Change::Recall)
}

fn react(sender: UserId, to: Peer, of: u64, reaction: &str, on: bool) -> Append {
    event(sender, to, of, Change::React { reaction: reaction.into(), on })
}

fn outcome(store: &mut dyn Store, append: Append) -> Appended {
    store.append(&[append]).unwrap()[0]
}

fn bodies(messages: &[Message]) -> Vec<(u64, Kind, u64, &str)> {
    messages.iter().map(|message| (message.seq, message.kind, message.of, &*message.body)).collect()
}

fn given(message: &Message) -> Option<(&str, bool)> {
    message.reaction.as_ref().map(|given| (&*given.reaction, given.on))
}

fn count(reaction: &str, count: u64, mine: bool) -> ReactionCount {
    ReactionCount { reaction: reaction.to_owned(), count, mine }
}

/// Makes two users, and a conversation in which ann has said two things and bob one.
fn talk(store: &mut dyn Store) -> (UserId, UserId, ConvId) {
    let (ann, bob) = (user(store, "ann"), user(store, "bob"));
    let said = [
        message(ann, Peer::User(bob), "one"),
        message(bob, Peer::User(ann), "two"),
        message(ann, Peer::User(bob), "3"),
    ];
    assert_eq!(append(store, &said), [1, 2, 3]);
    (ann, bob, ConvId::pair(ann, bob))
}

pub(crate) fn an_edit_changes_the_message_and_is_an_event_of_its_own(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, conv) = talk(&mut *store);
    let to_bob = Peer::User(bob);
    assert_eq!(append(&mut *store, &[at(NOW.0 + 5, edit(ann, to_bob, 1, "uno"))]), [4]);
    let (messages, _) = read(&mut *store, bob, conv, Range::After(0));
    let uno = "{\"msg\":\"uno\"}";
    let expected = [
        (1, Kind::Message, 0, uno),
        (2, Kind::Message, 0, "{\"msg\":\"two\"}"),
        (3, Kind::Message, 0, "{\"msg\":\"3\"}"),
        (4, Kind::Edit, 1, uno),
    ];
    assert_eq!(bodies(&messages), expected);
    assert_eq!(messages[0].edited_at, Some(UnixMs(NOW.0 + 5)));
    assert_eq!((messages[0].sent_at, messages[1].edited_at), (NOW, None));
    // A later one overtakes it.
    assert_eq!(append(&mut *store, &[edit(ann, to_bob, 1, "eins")]), [5]);
    let (messages, _) = read(&mut *store, ann, conv, Range::After(0));
    assert_eq!(bodies(&messages)[0].3, "{\"msg\":\"eins\"}");
    assert_eq!(bodies(&messages)[3..], [(4, Kind::Edit, 1, ""), (5, Kind::Edit, 1, "{\"msg\":\"eins\"}")]);
    assert_eq!(fresh.texts("SELECT body FROM Message WHERE body LIKE '%uno%'"), Vec::<String>::new());
    // The conversation's last message is still the third, and its time that of the third.
    assert_eq!(fresh.number("SELECT last_msg FROM Conversation"), 3);
    assert_eq!(fresh.number("SELECT active_at FROM Conversation"), NOW.0);
}

pub(crate) fn an_event_is_about_a_message_of_ones_own(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, conv) = talk(&mut *store);
    let (to_bob, to_ann) = (Peer::User(bob), Peer::User(ann));
    assert_eq!(append(&mut *store, &[edit(ann, to_bob, 1, "uno"), at(1, message(ann, to_bob, "old"))]), [4, 5]);
    for (refused, why) in [
        (edit(bob, to_ann, 1, "x"), Appended::NotAuthor),
        (recall(bob, to_ann, 1), Appended::NotAuthor),
        (edit(ann, to_bob, 4, "x"), Appended::NotAMessage),
        (react(bob, to_ann, 4, "+", true), Appended::NotAMessage),
        (recall(ann, to_bob, 9), Appended::NoSuchMessage),
        (edit(ann, to_bob, 5, "x"), Appended::TooLate),
        (recall(ann, to_bob, 5), Appended::TooLate),
        (react(bob, to_ann, 3, "+", false), Appended::Unchanged(None)),
    ] {
        assert_eq!(outcome(&mut *store, refused), why);
    }
    let eve = user(&mut *store, "eve");
    assert_eq!(outcome(&mut *store, react(eve, to_bob, 1, "+", true)), Appended::NoSuchMessage);
    assert_eq!(fresh.number(&format!("SELECT last_seq FROM Conversation WHERE id = {}", conv.number())), 5);
}

pub(crate) fn a_recall_removes_the_text_and_all_that_hung_on_it(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, conv) = talk(&mut *store);
    let (to_bob, to_ann) = (Peer::User(bob), Peer::User(ann));
    let before = [edit(ann, to_bob, 1, "secret"), react(bob, to_ann, 1, "wow", true)];
    assert_eq!(append(&mut *store, &before), [4, 5]);
    assert_eq!(append(&mut *store, &[with_cid("c", recall(ann, to_bob, 1))]), [6]);
    let again = store.append(&[with_cid("c", recall(ann, to_bob, 1)), recall(ann, to_bob, 1)]).unwrap();
    assert_eq!(again, [Appended::Duplicate { seq: 6, sent_at: NOW }, Appended::Unchanged(Some((6, NOW)))]);
    for late in [edit(ann, to_bob, 1, "x"), react(bob, to_ann, 1, "+", true)] {
        assert_eq!(outcome(&mut *store, late), Appended::IsRecalled);
    }
    let (messages, _) = read(&mut *store, bob, conv, Range::After(0));
    let expected =
        [(1, Kind::Message, 0, ""), (4, Kind::Edit, 1, ""), (5, Kind::Reaction, 1, ""), (6, Kind::Recall, 1, "")];
    assert_eq!([bodies(&messages)[0], bodies(&messages)[3], bodies(&messages)[4], bodies(&messages)[5]], expected);
    assert!(messages[0].is_recalled() && messages[0].reactions.is_empty() && !messages[1].is_recalled());
    assert_eq!(fresh.number("SELECT COUNT(*) FROM Message WHERE body LIKE '%secret%' OR body LIKE '%one%'"), 0);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM Reaction"), 0);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM ReactionTotal"), 0);
}

pub(crate) fn reactions_are_counted_and_taken_back(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, conv) = talk(&mut *store);
    let (to_bob, to_ann) = (Peer::User(bob), Peer::User(ann));
    let first =
        [react(ann, to_bob, 2, "👍", true), react(bob, to_ann, 2, "👍", true), react(bob, to_ann, 2, "♥", true)];
    assert_eq!(append(&mut *store, &first), [4, 5, 6]);
    assert_eq!(outcome(&mut *store, react(bob, to_ann, 2, "♥", true)), Appended::Unchanged(Some((6, NOW))));
    assert_eq!(outcome(&mut *store, react(ann, to_bob, 2, "x", true)), Appended::TooManyReactions);
    let (messages, _) = read(&mut *store, ann, conv, Range::After(0));
    assert_eq!(messages[1].reactions, [count("👍", 2, true), count("♥", 1, false)]);
    assert_eq!(bodies(&messages)[5], (6, Kind::Reaction, 2, ""));
    assert_eq!(given(&messages[5]), Some(("♥", true)));
    assert!(messages[0].reactions.is_empty());
    // Taken back: the event that gave it has nothing to say any more.
    assert_eq!(append(&mut *store, &[react(bob, to_ann, 2, "♥", false)]), [7]);
    assert_eq!(outcome(&mut *store, react(bob, to_ann, 2, "♥", false)), Appended::Unchanged(Some((7, NOW))));
    let (messages, _) = read(&mut *store, bob, conv, Range::After(0));
    assert_eq!(messages[1].reactions, [count("👍", 2, true)]);
    assert_eq!(bodies(&messages)[5..], [(6, Kind::Reaction, 2, ""), (7, Kind::Reaction, 2, "")]);
    assert_eq!([given(&messages[5]), given(&messages[6])], [None, Some(("♥", false))]);
    // Pages and lists of what is pending say the same.
    let place = Place { conv, after: Some(1) };
    let pages = store.pages(
        bob,
        DeviceId::UNNAMED,
        &[place, Place { conv: ConvId::pair(bob, ann), after: Some(3) }],
        100,
        9_999,
    );
    assert_eq!(pages.unwrap()[0].messages[0].reactions, [count("👍", 2, true)]);
}

pub(crate) fn events_are_pending_for_whom_they_concern(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, _) = talk(&mut *store);
    append(&mut *store, &[edit(ann, Peer::User(bob), 1, "uno"), recall(ann, Peer::User(bob), 3)]);
    let pending = store.pending(bob, DeviceId::UNNAMED).unwrap();
    let mut seqs = |events| {
        let listed = Listed { own: OwnPending::LeftOut, events };
        let oldest = store.oldest_pending(bob, &pending, listed, 100, usize::MAX).unwrap();
        oldest.iter().map(|message| message.seq).collect::<Vec<_>>()
    };
    assert_eq!(seqs(EventsPending::Listed), [1, 3, 4, 5]);
    assert_eq!(seqs(EventsPending::LeftOut), [1, 3]);
}

pub(crate) fn rules_of_a_conversation_hold_for_messages_and_events(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, conv) = talk(&mut *store);
    let (to_bob, to_ann) = (Peer::User(bob), Peer::User(ann));
    let rules =
        |bits: i64| fresh.execute(&format!("UPDATE Conversation SET rules = {bits} WHERE id = {}", conv.number()));
    let both = |store: &mut dyn Store, sender, to| {
        [outcome(store, message(sender, to, "x")), outcome(store, react(sender, to, 2, "+", true))]
    };
    // ann has the lower id.
    rules(1);
    assert_eq!(both(&mut *store, bob, to_ann), [Appended::Blocked; 2]);
    assert_eq!(both(&mut *store, ann, to_bob), [Appended::HasBlocked; 2]);
    rules(2);
    assert_eq!(both(&mut *store, ann, to_bob), [Appended::Blocked; 2]);
    rules(4);
    assert_eq!(both(&mut *store, ann, to_bob), [Appended::NoSuchUser; 2]);
    rules(0);
    assert_eq!(both(&mut *store, ann, to_bob), [Appended::Stored(4), Appended::Stored(5)]);
    // A conversation that a block has made is opened by its first message.
    let eve = user(&mut *store, "eve");
    let fresh_conv = ConvId::pair(ann, eve).number();
    fresh.execute(&format!("INSERT INTO Conversation (id, last_seq, rules) VALUES ({fresh_conv}, 0, 0)"));
    assert_eq!(append(&mut *store, &[message(eve, Peer::User(ann), "hi")]), [1]);
    assert_eq!(fresh.number(&format!("SELECT COUNT(*) FROM `Cursor` WHERE conv = {fresh_conv}")), 2);
    fresh.execute(&format!("UPDATE User SET erased_at = 1 WHERE id = {}", bob.number()));
    assert_eq!(outcome(&mut *store, message(eve, to_bob, "x")), Appended::NoSuchUser);
}

/// A group of ann's with bob and eve, and what each of them has said.
fn circle(store: &mut dyn Store) -> (GroupId, [UserId; 3]) {
    let users = ["ann", "bob", "eve"].map(|name| user(store, name));
    let group = group(store, users[0], "circle");
    for other in &users[1..] {
        store.join_group(*other, group, NOW).unwrap();
    }
    let said = users.map(|sender| message(sender, Peer::Group(group), "x"));
    assert_eq!(append(store, &said), [1, 2, 3]);
    (group, users)
}

pub(crate) fn in_a_group_roles_and_mutes_decide(fresh: &Fresh) {
    let mut store = fresh.store();
    let (group, [ann, bob, eve]) = circle(&mut *store);
    let to = Peer::Group(group);
    let set = |what: &str, who: UserId| {
        fresh.execute(&format!("UPDATE GroupUser SET {what} WHERE groupid = {group} AND userid = {who}"));
    };
    assert_eq!(outcome(&mut *store, recall(bob, to, 3)), Appended::NotAuthor);
    set("grouprole = 'admin'", bob);
    assert_eq!(outcome(&mut *store, edit(bob, to, 3, "y")), Appended::NotAuthor);
    assert_eq!(outcome(&mut *store, recall(bob, to, 3)), Appended::Stored(4));
    set(&format!("muted_until = {}", NOW.0 + 1), eve);
    let muted = Appended::Muted(UnixMs(NOW.0 + 1));
    assert_eq!(outcome(&mut *store, message(eve, to, "x")), muted);
    assert_eq!(outcome(&mut *store, react(eve, to, 1, "+", true)), muted);
    assert_eq!(outcome(&mut *store, at(NOW.0 + 1, message(eve, to, "x"))), Appended::Stored(5));
    fresh.execute(&format!("UPDATE Conversation SET rules = 8 WHERE id = {group}"));
    set("muted_until = 0", eve);
    assert_eq!(outcome(&mut *store, message(eve, to, "x")), Appended::AdminsOnly);
    assert_eq!(outcome(&mut *store, edit(eve, to, 5, "x")), Appended::AdminsOnly);
    assert_eq!(outcome(&mut *store, react(eve, to, 1, "+", true)), Appended::Stored(6));
    for speaker in [ann, bob] {
        assert!(matches!(outcome(&mut *store, message(speaker, to, "x")), Appended::Stored(_)));
    }
    let stranger = user(&mut *store, "mallory");
    assert_eq!(outcome(&mut *store, recall(stranger, to, 1)), Appended::NotMember);
}

pub(crate) fn who_reads_from_the_join_on_finds_nothing_older(fresh: &Fresh) {
    let mut store = fresh.store();
    let (group, [_, bob, eve]) = circle(&mut *store);
    let conv = ConvId::group(group);
    fresh.execute(&format!("UPDATE GroupUser SET joined_seq = 2 WHERE groupid = {group} AND userid = {eve}"));
    let seqs = |messages: &[Message]| messages.iter().map(|message| message.seq).collect::<Vec<_>>();
    for (range, expected) in [(Range::After(0), &[3][..]), (Range::Latest, &[3]), (Range::Before(3), &[])] {
        assert_eq!(seqs(&read(&mut *store, eve, conv, range).0), expected);
    }
    assert_eq!(seqs(&read(&mut *store, bob, conv, Range::After(0)).0), [1, 2, 3]);
    let places = [Place { conv, after: Some(0) }, Place { conv: ConvId::pair(bob, eve), after: None }];
    assert_eq!(seqs(&store.pages(eve, DeviceId::UNNAMED, &places, 100, 9_999).unwrap()[0].messages), [3]);
    assert_eq!(outcome(&mut *store, react(eve, Peer::Group(group), 2, "+", true)), Appended::NoSuchMessage);
    assert_eq!(outcome(&mut *store, react(eve, Peer::Group(group), 3, "+", true)), Appended::Stored(4));
}
