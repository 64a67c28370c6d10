//! Quotas: the last one fits, the next one does not, and what is not counted makes no room.

use stonechat::clock::UnixMs;
use stonechat::ids::{ConvId, DeviceId, Peer, UserId};
use stonechat::store::{Created, CursorRow, FriendOutcome, JoinOutcome, LeaveOutcome, Quota, Quotas, Store, TokenUse};

use crate::fresh::{Fresh, NOW, Saving, append, group, message, new_token, user};

fn users(store: &mut dyn Store, count: usize) -> Vec<UserId> {
    (0..count).map(|number| user(store, &format!("user {number}"))).collect()
}

fn limited(fresh: &Fresh, quotas: Quotas) -> Box<dyn Store> {
    let mut store = fresh.store();
    store.hold_to(quotas);
    store
}

pub(crate) fn friends_are_counted_on_both_sides(fresh: &Fresh) {
    let mut store = limited(fresh, Quotas { friends: Some(2), ..Quotas::default() });
    let all = users(&mut *store, 5);
    let (ann, bob) = (all[0], all[1]);
    for &friend in &all[1..3] {
        assert!(matches!(store.add_friend(ann, friend).unwrap(), FriendOutcome::Done(_)));
    }
    assert_eq!(store.add_friend(ann, all[3]).unwrap(), FriendOutcome::Full(Quota::Friends));
    assert_eq!(store.add_friend(all[3], ann).unwrap(), FriendOutcome::Full(Quota::FriendsOfOther));
    assert!(
        matches!(store.add_friend(ann, bob).unwrap(), FriendOutcome::Already(_)),
        "who is one already needs no room"
    );

    store.request_friend(all[3], ann, "\"\"", NOW).unwrap();
    assert_eq!(store.answer_friend(ann, all[3], true).unwrap(), FriendOutcome::Full(Quota::Friends));
    assert_eq!(store.friends(all[3], 0, 9).unwrap(), []);
    assert!(store.delete_friend(ann, bob).unwrap());
    assert!(
        matches!(store.answer_friend(ann, all[3], true).unwrap(), FriendOutcome::Done(_)),
        "the request has stayed"
    );
    assert_eq!(store.friends_count(ann).unwrap(), 2);
}

pub(crate) fn open_friend_requests_are_counted(fresh: &Fresh) {
    let mut store = limited(fresh, Quotas { friend_requests: Some(2), ..Quotas::default() });
    let all = users(&mut *store, 5);
    let mut ask = |to: UserId| store.request_friend(all[0], to, "\"hi\"", NOW).unwrap();
    assert!(matches!(ask(all[1]), FriendOutcome::Done(_)));
    assert!(matches!(ask(all[2]), FriendOutcome::Done(_)));
    assert_eq!(ask(all[3]), FriendOutcome::Full(Quota::FriendRequests));
    assert!(matches!(ask(all[2]), FriendOutcome::Done(_)), "other words for one that is open");
    store.answer_friend(all[1], all[0], false).unwrap();
    assert!(matches!(store.request_friend(all[0], all[3], "\"hi\"", NOW).unwrap(), FriendOutcome::Done(_)));
    assert!(
        matches!(store.request_friend(all[4], all[0], "\"hi\"", NOW).unwrap(), FriendOutcome::Done(_)),
        "another's"
    );
}

pub(crate) fn groups_are_counted_per_user(fresh: &Fresh) {
    let quotas = Quotas { groups_joined: Some(3), groups_created: Some(2), ..Quotas::default() };
    let mut store = limited(fresh, quotas);
    let all = users(&mut *store, 3);
    let (ann, bob) = (all[0], all[1]);
    let (one, two) = (group(&mut *store, ann, "one"), group(&mut *store, ann, "two"));
    assert_eq!(store.create_group(ann, "three", "", NOW).unwrap(), Created::Full(Quota::GroupsCreated));
    let (three, four) = (group(&mut *store, bob, "three"), group(&mut *store, bob, "four"));
    assert!(matches!(store.join_group(ann, three, NOW).unwrap(), JoinOutcome::New { .. }));
    assert_eq!(store.join_group(ann, four, NOW).unwrap(), JoinOutcome::Full(Quota::GroupsJoined));
    assert!(matches!(store.join_group(ann, three, NOW).unwrap(), JoinOutcome::Already(_)));

    assert_eq!(store.delete_group(ann, one, NOW).unwrap(), LeaveOutcome::Done);
    assert!(
        matches!(store.join_group(ann, four, NOW).unwrap(), JoinOutcome::New { .. }),
        "counted no more, though not swept yet"
    );
    assert_eq!(store.create_group(ann, "five", "", NOW).unwrap(), Created::Full(Quota::GroupsJoined));
    assert_eq!(store.quit_group(ann, three).unwrap(), LeaveOutcome::Done);
    assert!(matches!(store.create_group(ann, "five", "", NOW).unwrap(), Created::New(_)));
    let ids = store.group_ids(ann).unwrap();
    assert_eq!(ids.len(), 3);
    let of_bob = store.group_ids(bob).unwrap();
    assert_eq!(store.group_ids_of_all(&[bob, all[2], ann, bob]).unwrap(), [of_bob.clone(), vec![], ids, of_bob]);
    assert_eq!(store.groups(ann, two.number(), 1).unwrap()[0].0.group.id, four, "paged by id");
}

pub(crate) fn members_are_counted_per_group(fresh: &Fresh) {
    let quotas = Quotas { group_members: Some(3), ..Quotas::default() };
    let mut store = limited(fresh, quotas);
    let all = users(&mut *store, 8);
    let chess = group(&mut *store, all[0], "chess");
    let joined: Vec<JoinOutcome> = std::thread::scope(|scope| {
        let joining =
            |&user: &UserId| scope.spawn(move || limited(fresh, quotas).join_group(user, chess, NOW).unwrap());
        let joining: Vec<_> = all[1..].iter().map(joining).collect();
        joining.into_iter().map(|joining| joining.join().unwrap()).collect()
    });
    let refused = joined.iter().filter(|joined| **joined == JoinOutcome::Full(Quota::GroupMembers)).count();
    assert_eq!(refused, 5, "{joined:?}");
    assert_eq!(store.members(chess, 0, 9).unwrap().total, 3);
    let member = store.members(chess, all[0].number(), 1).unwrap().members[0].person.id;
    store.quit_group(member, chess).unwrap();
    let stranger =
        all.iter().find(|user| store.group(chess, **user).unwrap().unwrap().1.is_none() && **user != member).unwrap();
    assert!(matches!(store.join_group(*stranger, chess, NOW).unwrap(), JoinOutcome::New { .. }));
}

pub(crate) fn nobody_gets_past_a_quota_by_asking_at_once(fresh: &Fresh) {
    let quotas = Quotas { friends: Some(3), groups_created: Some(3), groups_joined: Some(5), ..Quotas::default() };
    let mut store = limited(fresh, quotas);
    let all = users(&mut *store, 13);
    let ann = all[0];
    let groups: Vec<_> = all[1..9].iter().map(|&user| group(&mut *store, user, &format!("of {user}"))).collect();
    std::thread::scope(|scope| {
        for (number, &other) in all[1..9].iter().enumerate() {
            let group = groups[number];
            scope.spawn(move || {
                let mut store = limited(fresh, quotas);
                store
                    .add_friend(if number % 2 == 0 { ann } else { other }, if number % 2 == 0 { other } else { ann })
                    .unwrap();
                store.create_group(ann, &format!("by ann {number}"), "", NOW).unwrap();
                store.join_group(ann, group, NOW).unwrap();
            });
        }
    });
    assert_eq!(store.friends_count(ann).unwrap(), 3);
    assert_eq!(store.group_ids(ann).unwrap().len(), 5);
    let created = format!("SELECT COUNT(*) FROM GroupUser WHERE userid = {ann} AND grouprole = 'creator'");
    assert_eq!(fresh.number(&created), 3);
}

pub(crate) fn the_device_used_longest_ago_makes_room(fresh: &Fresh) {
    let mut store = limited(fresh, Quotas { devices: Some(3), ..Quotas::default() });
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    append(&mut *store, &[message(bob, Peer::User(ann), "1")]);
    let conv = ConvId::pair(ann, bob);
    let mut number = |name: &str| {
        let used = store.device(ann, name).unwrap();
        (used.id.0, used.removed.iter().map(|device| device.0).collect::<Vec<_>>())
    };
    assert_eq!((number("a"), number("b"), number("c")), ((1, vec![]), (2, vec![]), (3, vec![])));
    assert_eq!(number("a"), (1, vec![]), "used again");
    assert_eq!(number("d"), (4, vec![2]), "b was used longest ago");
    assert_eq!(number("b"), (5, vec![3]), "a number is never given again");
    assert_eq!((number("a"), number("d"), number("b")), ((1, vec![]), (4, vec![]), (5, vec![])));
    let devices = format!("SELECT COUNT(DISTINCT device) FROM `Cursor` WHERE userid = {ann} AND device > 0");
    assert_eq!(fresh.number(&devices), 3, "the cursors went with their devices");

    // A session of a device that made room goes on confirming for a moment.
    let late = |device| CursorRow { user: ann, device: DeviceId(device), conv, delivered: 1 };
    store.save(&[late(2), late(4)]).unwrap();
    assert_eq!(fresh.number(&devices), 3, "nothing is written for a device that there is no more");
    assert_eq!(store.device(bob, "a").unwrap().id, DeviceId(1), "each user counts for himself");
}

pub(crate) fn device_numbers_do_not_end_at_65535(fresh: &Fresh) {
    let mut store = limited(fresh, Quotas { devices: Some(2), ..Quotas::default() });
    let ann = user(&mut *store, "ann");
    fresh.execute(&format!("INSERT INTO Device (userid, device, name, used) VALUES ({ann}, 65535, 'old', 1)"));
    let used = store.device(ann, "new").unwrap();
    assert_eq!(used.id, DeviceId(65_536));
    let bob = user(&mut *store, "bob");
    append(&mut *store, &[message(bob, Peer::User(ann), "1")]);
    let row = CursorRow { user: ann, device: used.id, conv: ConvId::pair(ann, bob), delivered: 1 };
    store.save(&[row]).unwrap();
    assert_eq!(store.pending(ann, used.id).unwrap(), []);
    assert_eq!(store.device(ann, "newer").unwrap().removed, [DeviceId(65_535)]);
}

pub(crate) fn an_account_with_too_many_devices_comes_down_step_by_step(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    for number in 0..40 {
        store.device(ann, &format!("old {number}")).unwrap();
    }
    store.hold_to(Quotas { devices: Some(5), ..Quotas::default() });
    let devices = format!("SELECT COUNT(*) FROM Device WHERE userid = {ann}");
    for number in 0..6 {
        store.device(ann, &format!("new {number}")).unwrap();
    }
    assert_eq!(fresh.number(&devices), 5);
}

pub(crate) fn the_token_used_longest_ago_makes_room(fresh: &Fresh) {
    let mut store = limited(fresh, Quotas { tokens: Some(3), ..Quotas::default() });
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let end = UnixMs(NOW.0 + 1_000_000);
    let save = |store: &mut dyn Store, token: u8, user| {
        assert!(store.save_token(&new_token(&[token; 32], user, end), NOW).unwrap());
    };
    // All in the same millisecond.
    for token in 1..=3 {
        save(&mut *store, token, ann);
    }
    save(&mut *store, 9, bob);
    assert!(!store.token(&[1; 32], "", NOW).unwrap().unwrap().is_latest);
    store.extend_token(&[1; 32], end, TokenUse::default(), NOW).unwrap();
    assert!(store.token(&[1; 32], "", NOW).unwrap().unwrap().is_latest, "used again");
    save(&mut *store, 4, ann);
    let lives = |store: &mut dyn Store, token: u8| store.token(&[token; 32], "", NOW).unwrap().is_some();
    let living: Vec<u8> = (1..=9).filter(|token| lives(&mut *store, *token)).collect();
    assert_eq!(living, [1, 3, 4, 9]);
}
