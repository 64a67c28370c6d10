//! An account that is erased: at once for whoever meets it, then all that it has said.

use stonechat::clock::UnixMs;
use stonechat::ids::{ConvId, GroupId, Peer, UserId};
use stonechat::store::{Created, EraseStep, FriendOutcome, JoinOutcome, Store, UserRef};

use crate::fresh::{Fresh, NOW, PHC, append, group, message, new_token, user};

const LATER: UnixMs = UnixMs(NOW.0 + 5);
const HELD_UNTIL: UnixMs = UnixMs(NOW.0 + 1_000);

fn erase(store: &mut dyn Store, user: UserId) {
    assert!(store.erase(user, PHC, Some(HELD_UNTIL), LATER).unwrap().is_some());
}

/// All that is done at once.
fn steps(store: &mut dyn Store, user: UserId) -> Vec<EraseStep> {
    let mut told = Vec::new();
    loop {
        match store.erase_step(user, LATER).unwrap() {
            EraseStep::Gone => return told,
            EraseStep::Quiet => {}
            step => told.push(step),
        }
        assert!(told.len() < 1_000, "it ends");
    }
}

fn sweep(store: &mut dyn Store) {
    let mut pieces = 0;
    while store.sweep_accounts(LATER).unwrap() {
        pieces += 1;
        assert!(pieces < 1_000, "it ends");
    }
}

pub(crate) fn who_is_erased_cannot_be_found_nor_log_in(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    assert!(store.save_token(&new_token(&[1; 32], ann, HELD_UNTIL), NOW).unwrap());
    assert_eq!(store.erase(ann, "$other$", Some(HELD_UNTIL), LATER).unwrap(), None);
    assert_eq!(store.erase(ann, PHC, Some(HELD_UNTIL), LATER).unwrap(), Some(vec![[1; 32]]));
    assert_eq!(store.erase(ann, PHC, Some(HELD_UNTIL), LATER).unwrap(), None, "once");
    assert_eq!(store.user(UserRef::Id(ann)).unwrap(), None);
    assert_eq!(store.user(UserRef::Name("ann")).unwrap(), None);
    assert_eq!(store.token(&[1; 32], "", NOW).unwrap(), None);
    assert_eq!(store.ended_tokens(NOW).unwrap()[0].user, ann);
    assert!(!store.save_token(&new_token(&[2; 32], ann, HELD_UNTIL), NOW).unwrap());
    assert_eq!(store.find_users(Some(ann), "", 10).unwrap(), []);
    assert_eq!(store.find_users(None, "ann", 10).unwrap(), []);
    assert_eq!(store.add_friend(bob, ann).unwrap(), FriendOutcome::NoSuchUser);
    assert_eq!(store.add_friend(ann, bob).unwrap(), FriendOutcome::NoSuchUser, "a request that was under way");
    assert_eq!(store.create_user("ann", PHC, LATER).unwrap(), Created::NameTaken, "held");
    assert!(matches!(store.create_user("ann", PHC, HELD_UNTIL).unwrap(), Created::New(_)));
    assert_eq!(fresh.number(&format!("SELECT erased_at FROM User WHERE id = {ann}")), LATER.0);
    steps(&mut *store, ann);
    sweep(&mut *store);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM ErasedUser"), 0);
    let also = user(&mut *store, "also");
    erase(&mut *store, also);
    erase(&mut *store, bob);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM User WHERE name = ''"), 3, "there may be several");
}

pub(crate) fn friends_and_groups_are_left_and_groups_find_an_heir(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, eve) = (user(&mut *store, "ann"), user(&mut *store, "bob"), user(&mut *store, "eve"));
    store.add_friend(ann, bob).unwrap();
    store.request_friend(eve, ann, "\"\"", NOW).unwrap();
    store.block(ann, eve).unwrap();
    store.device(ann, "phone").unwrap();
    let others = group(&mut *store, bob, "bob's");
    let shared = group(&mut *store, ann, "shared");
    let ruled = group(&mut *store, ann, "ruled");
    let lonely = group(&mut *store, ann, "lonely");
    for (user, group) in [(ann, others), (bob, shared), (eve, shared), (bob, ruled), (eve, ruled)] {
        assert!(matches!(store.join_group(user, group, NOW).unwrap(), JoinOutcome::New { .. }));
    }
    fresh.execute(&format!("UPDATE GroupUser SET grouprole = 'admin' WHERE groupid = {ruled} AND userid = {eve}"));
    erase(&mut *store, ann);
    let person = |store: &mut dyn Store, id| {
        let name = store.user(UserRef::Id(id)).unwrap().unwrap().name;
        stonechat::store::Person { id, name }
    };
    let (bob_person, eve_person) = (person(&mut *store, bob), person(&mut *store, eve));
    let told = steps(&mut *store, ann);
    let expected = [
        EraseStep::Unfriended(vec![bob]),
        EraseStep::Left(others),
        EraseStep::HandedOver(shared, bob_person),
        EraseStep::HandedOver(ruled, eve_person),
        EraseStep::Deleted(lonely),
    ];
    assert_eq!(told, expected);
    let role = |group: GroupId, user: UserId| {
        fresh.texts(&format!("SELECT grouprole FROM GroupUser WHERE groupid = {group} AND userid = {user}"))
    };
    assert_eq!(
        (role(shared, bob), role(ruled, eve), role(ruled, bob)),
        (vec!["creator".to_owned()], vec!["creator".to_owned()], vec!["normal".to_owned()])
    );
    assert_eq!(store.members(shared, 0, 10).unwrap().total, 2);
    assert_eq!(
        fresh.number(&format!("SELECT COUNT(*) FROM GroupUser WHERE userid = {ann} AND groupid <> {lonely}")),
        0
    );
    for table in ["Friend", "FriendRequest", "Block", "Device"] {
        assert_eq!(fresh.number(&format!("SELECT COUNT(*) FROM {table}")), 0, "{table}");
    }
    assert!(store.sweep().unwrap(), "what the deleted group has left");
}

pub(crate) fn conversations_of_two_refuse_what_comes_for_the_erased(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, eve) = (user(&mut *store, "ann"), user(&mut *store, "bob"), user(&mut *store, "eve"));
    append(&mut *store, &[message(bob, Peer::User(ann), "hello")]);
    append(&mut *store, &[message(bob, Peer::User(eve), "hello")]);
    store.block(eve, ann).unwrap();
    erase(&mut *store, ann);
    steps(&mut *store, ann);
    let rules = |a, b| {
        let conv = ConvId::pair(a, b).number();
        fresh.number(&format!("SELECT rules FROM Conversation WHERE id = {conv}"))
    };
    assert_eq!((rules(ann, bob), rules(bob, eve)), (4, 0));
    assert_eq!(rules(ann, eve) & 4, 4, "also one that nobody has said anything in");
    assert_eq!(store.blocked(eve, 0, 10).unwrap(), []);
}

pub(crate) fn all_that_was_said_is_recalled(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let left = group(&mut *store, bob, "left");
    store.join_group(ann, left, NOW).unwrap();
    let long: Vec<_> = (0..4_500).map(|_| message(bob, Peer::Group(left), "b")).collect();
    append(&mut *store, &[message(ann, Peer::Group(left), "secret")]);
    for batch in long.chunks(500) {
        append(&mut *store, batch);
    }
    append(&mut *store, &[message(ann, Peer::Group(left), "secret")]);
    store.quit_group(ann, left).unwrap();
    let to_bob = Peer::User(bob);
    append(&mut *store, &[message(ann, to_bob, "secret"), message(bob, Peer::User(ann), "b")]);
    let pair = ConvId::pair(ann, bob).number();
    for (conv, seq, who, total) in [(pair, 1, bob, 1), (pair, 2, ann, 2), (pair, 2, bob, 2)] {
        fresh.execute(&format!(
            "INSERT INTO Reaction (conv, of_seq, reaction, userid, seq, sent_at, is_on) VALUES ({conv}, {seq}, '+1', {who}, 9, 1, 1)"
        ));
        fresh.execute(&format!("DELETE FROM ReactionTotal WHERE conv = {conv} AND of_seq = {seq}"));
        fresh.execute(&format!(
            "INSERT INTO ReactionTotal (conv, of_seq, reaction, total, since) VALUES ({conv}, {seq}, '+1', {total}, 1)"
        ));
    }
    erase(&mut *store, ann);
    steps(&mut *store, ann);
    sweep(&mut *store);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM Message WHERE body LIKE '%secret%'"), 0);
    let recalled =
        format!("SELECT COUNT(*) FROM Message WHERE sender = {ann} AND body = '' AND edited_at = {}", LATER.0);
    assert_eq!(fresh.number(&recalled), 3);
    assert_eq!(fresh.number(&format!("SELECT COUNT(*) FROM Message WHERE sender = {bob} AND body <> ''")), 4_501);
    assert_eq!(fresh.number(&format!("SELECT COUNT(*) FROM Reaction WHERE userid = {ann} OR of_seq = 1")), 0);
    assert_eq!(fresh.number("SELECT SUM(total) FROM ReactionTotal"), 1, "bob's own on what he has said");
    assert_eq!(fresh.number(&format!("SELECT COUNT(*) FROM `Cursor` WHERE userid = {ann}")), 0);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM ErasedUser"), 0);
    let (messages, _) = crate::fresh::read(&mut *store, bob, ConvId::pair(ann, bob), stonechat::store::Range::After(0));
    assert_eq!((messages[0].sender.name.as_str(), messages[0].body.as_str()), ("", ""));
}

pub(crate) fn a_login_that_was_under_way_is_undone(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let others = group(&mut *store, bob, "bob's");
    erase(&mut *store, ann);
    steps(&mut *store, ann);
    // A request that came before the end, and is done after it.
    store.join_group(ann, others, NOW).unwrap();
    sweep(&mut *store);
    assert_eq!(store.members(others, 0, 10).unwrap().total, 1);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM ErasedUser"), 0);
}
