//! Groups, members, and what leaving takes along.

use stonechat::ids::{ConvId, DeviceId, GroupId, Peer, UserId};
use stonechat::store::{
    Appended, Created, CursorRow, GroupSettings, JoinOutcome, LeaveOutcome, MemberPage, OwnGroup, OwnPending, Pending,
    Range, Role, Store,
};

use crate::fresh::{Fresh, NOW, Saving, append, group, listed, message, read, user};

fn no_group() -> GroupId {
    GroupId::new(i64::from(i32::MAX)).unwrap()
}

fn members(store: &mut dyn Store, count: usize, group: GroupId) -> Vec<UserId> {
    let join = |number| {
        let member = user(store, &format!("member {number} of {group}"));
        assert!(matches!(store.join_group(member, group, NOW).unwrap(), JoinOutcome::New { .. }));
        member
    };
    (0..count).map(join).collect()
}

pub(crate) fn the_creator_is_a_member(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let phone = store.device(ann, "phone").unwrap().id;
    let chess = group(&mut *store, ann, "Chess ♞");
    assert_eq!(store.create_group(bob, "cHESS ♞", "", NOW).unwrap(), Created::NameTaken);

    let (row, role) = store.group(chess, ann).unwrap().unwrap();
    assert_eq!((row.id, row.name.as_str(), row.desc.as_str()), (chess, "Chess ♞", "about"));
    assert_eq!((role, row.settings), (Some(Role::Creator), GroupSettings::default()));
    assert_eq!(store.group(chess, bob).unwrap().unwrap().1, None);
    assert_eq!(store.group(no_group(), ann).unwrap(), None);
    assert_eq!(store.groups(ann, 0, 100).unwrap(), [(OwnGroup { group: row, role: Role::Creator }, 1)]);
    assert_eq!(store.groups(bob, 0, 100).unwrap(), []);

    let page = store.members(chess, 0, 10).unwrap();
    assert_eq!((page.total, page.members[0].person.id, page.members[0].role), (1, ann, Role::Creator));
    let conv = ConvId::group(chess);
    for device in [DeviceId::UNNAMED, phone] {
        let at_the_end = Pending { conv, delivered: 0, last_seq: 0 };
        assert_eq!(store.position(ann, device, conv).unwrap(), Some(at_the_end));
    }
    assert_eq!(store.position(bob, DeviceId::UNNAMED, conv).unwrap(), None);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM `Cursor`"), 2);
}

pub(crate) fn joining_starts_at_the_end(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let phone = store.device(bob, "phone").unwrap().id;
    let chess = group(&mut *store, ann, "chess");
    append(&mut *store, &[message(ann, Peer::Group(chess), "1"), message(ann, Peer::Group(chess), "2")]);
    let JoinOutcome::New { group: row, last_seq } = store.join_group(bob, chess, NOW).unwrap() else { panic!("new") };
    assert_eq!((row.id, last_seq), (chess, 2));
    for device in [DeviceId::UNNAMED, phone] {
        assert_eq!(store.pending(bob, device).unwrap(), [], "nothing old is pending");
        assert_eq!(store.position(bob, device, ConvId::group(chess)).unwrap().unwrap().delivered, 2);
    }
    append(&mut *store, &[message(ann, Peer::Group(chess), "3")]);
    assert_eq!(store.pending(bob, phone).unwrap().len(), 1);
    assert_eq!(store.join_group(bob, no_group(), NOW).unwrap(), JoinOutcome::NoSuchGroup);
}

pub(crate) fn joining_twice_moves_no_cursor(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let chess = group(&mut *store, ann, "chess");
    store.join_group(bob, chess, NOW).unwrap();
    append(&mut *store, &[message(ann, Peer::Group(chess), "1")]);
    assert!(matches!(store.join_group(bob, chess, NOW).unwrap(), JoinOutcome::Already(own) if own.group.id == chess));
    assert_eq!(store.pending(bob, DeviceId::UNNAMED).unwrap()[0].delivered, 0);
    assert!(matches!(store.join_group(ann, chess, NOW).unwrap(), JoinOutcome::Already(_)));
    assert_eq!(store.members(chess, 0, 10).unwrap().members[0].role, Role::Creator);
}

pub(crate) fn quitting_removes_the_cursors(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, eve) = (user(&mut *store, "ann"), user(&mut *store, "bob"), user(&mut *store, "eve"));
    let chess = group(&mut *store, ann, "chess");
    let phone = store.device(bob, "phone").unwrap().id;
    store.join_group(bob, chess, NOW).unwrap();
    append(&mut *store, &[message(ann, Peer::Group(chess), "1")]);
    let confirmed = CursorRow { user: bob, device: phone, conv: ConvId::group(chess), delivered: 1 };
    store.save(&[confirmed]).unwrap();

    assert_eq!(store.quit_group(eve, chess).unwrap(), LeaveOutcome::NotAllowed);
    assert_eq!(store.quit_group(ann, chess).unwrap(), LeaveOutcome::IsCreator);
    assert_eq!(store.quit_group(ann, no_group()).unwrap(), LeaveOutcome::NoSuchGroup);
    assert_eq!(store.quit_group(bob, chess).unwrap(), LeaveOutcome::Done);
    assert_eq!(store.quit_group(bob, chess).unwrap(), LeaveOutcome::NotAllowed);
    assert_eq!(fresh.number(&format!("SELECT COUNT(*) FROM `Cursor` WHERE userid = {bob}")), 0);
    assert_eq!(store.position(bob, DeviceId::UNNAMED, ConvId::group(chess)).unwrap(), None);
    store.save(&[confirmed]).unwrap();
    assert_eq!(store.pending(bob, phone).unwrap(), [], "a cursor written late brings nobody back");
    assert!(matches!(store.join_group(bob, chess, NOW).unwrap(), JoinOutcome::New { last_seq: 1, .. }));
    assert_eq!(store.pending(bob, phone).unwrap(), []);
}

pub(crate) fn deleting_removes_everything(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, eve) = (user(&mut *store, "ann"), user(&mut *store, "bob"), user(&mut *store, "eve"));
    let (chess, other) = (group(&mut *store, ann, "chess"), group(&mut *store, bob, "other"));
    store.join_group(bob, chess, NOW).unwrap();
    append(&mut *store, &[message(ann, Peer::Group(chess), "1"), message(bob, Peer::Group(other), "1")]);

    assert_eq!(store.delete_group(bob, chess, NOW).unwrap(), LeaveOutcome::NotAllowed, "a member");
    assert_eq!(store.delete_group(eve, chess, NOW).unwrap(), LeaveOutcome::NotAllowed, "a stranger");
    assert_eq!(store.delete_group(ann, no_group(), NOW).unwrap(), LeaveOutcome::NoSuchGroup);
    assert_eq!(store.delete_group(ann, chess, NOW).unwrap(), LeaveOutcome::Done);
    sweep(&mut *store);
    assert_eq!(store.delete_group(ann, chess, NOW).unwrap(), LeaveOutcome::NoSuchGroup);
    assert_eq!(store.group(chess, ann).unwrap(), None);
    for table in ["Message", "Conversation", "`Cursor`", "GroupUser", "AllGroup"] {
        assert_eq!(fresh.number(&format!("SELECT COUNT(*) FROM {table}")), 1, "{table}: the other group's row is left");
    }
    let again = group(&mut *store, ann, "chess");
    assert_ne!(again, chess, "an id is never given twice");
    assert_eq!(read(&mut *store, ann, ConvId::group(again), Range::Latest).0, []);
}

/// Removes what deleted groups have left; in how many pieces.
fn sweep(store: &mut dyn Store) -> usize {
    let mut pieces = 0;
    while store.sweep().unwrap() {
        pieces += 1;
    }
    pieces
}

/// A member with a phone, behind by a message.
fn behind(store: &mut dyn Store, creator: UserId, chess: GroupId) -> (UserId, DeviceId) {
    let bob = user(store, "bob");
    let phone = store.device(bob, "phone").unwrap().id;
    store.join_group(bob, chess, NOW).unwrap();
    append(store, &[message(creator, Peer::Group(chess), "1")]);
    (bob, phone)
}

pub(crate) fn a_deleted_group_exists_for_nobody_before_it_is_swept(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    let chess = group(&mut *store, ann, "chess");
    let (bob, phone) = behind(&mut *store, ann, chess);
    let conv = ConvId::group(chess);
    let known = store.pending(bob, phone).unwrap();
    assert_eq!(known.len(), 1);

    assert_eq!(store.delete_group(ann, chess, NOW).unwrap(), LeaveOutcome::Done);
    assert_eq!(store.group(chess, bob).unwrap(), None);
    assert_eq!(store.groups(bob, 0, 100).unwrap(), []);
    assert_eq!(store.members(chess, 0, 10).unwrap(), MemberPage::default());
    assert_eq!(store.members_of_all(&[(no_group(), 2)], 10).unwrap(), [vec![]]);
    assert_eq!(store.find_groups(Some(chess), "chess", 10).unwrap(), []);
    assert_eq!(store.join_group(ann, chess, NOW).unwrap(), JoinOutcome::NoSuchGroup);
    assert_eq!(store.quit_group(bob, chess).unwrap(), LeaveOutcome::NoSuchGroup);
    assert_eq!(store.delete_group(ann, chess, NOW).unwrap(), LeaveOutcome::NoSuchGroup);
    let said = store.append(&[message(bob, Peer::Group(chess), "2")]).unwrap();
    assert_eq!(said, [Appended::NoSuchGroup]);
    for device in [DeviceId::UNNAMED, phone] {
        assert_eq!(store.pending(bob, device).unwrap(), []);
        assert_eq!(store.pending_of_all(&[(bob, device)]).unwrap(), [vec![]]);
        assert_eq!(store.position(bob, device, conv).unwrap(), None);
    }
    assert_eq!(store.messages(bob, conv, Range::Latest, 10, 1_000).unwrap(), None);
    assert_eq!(store.oldest_pending(bob, &known, listed(OwnPending::Listed), 10, 1_000).unwrap(), []);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM OfflineMessage"), 0);
    assert_ne!(group(&mut *store, ann, "Chess"), chess, "the name is free, the id is not given again");
    assert_eq!(fresh.number("SELECT COUNT(*) FROM GroupUser"), 3, "nothing was swept yet");
    sweep(&mut *store);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM GroupUser"), 1);
}

pub(crate) fn a_sweep_goes_on_where_a_crash_has_ended_it(fresh: &Fresh) {
    const MEMBERS: u32 = 1_200;
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    let chess = group(&mut *store, ann, "chess");
    let (bob, _) = behind(&mut *store, ann, chess);
    for user in (bob.number() + 1..).take(MEMBERS as usize) {
        fresh.execute(&format!("INSERT INTO GroupUser (groupid, userid) VALUES ({chess}, {user})"));
        let cursor = "INSERT INTO `Cursor` (userid, device, conv, delivered, read_seq)";
        fresh.execute(&format!("{cursor} VALUES ({user}, 0, {chess}, 0, 0), ({user}, 0, 999999999999, 0, 0)"));
    }
    assert_eq!(store.delete_group(ann, chess, NOW).unwrap(), LeaveOutcome::Done);
    assert!(store.sweep().unwrap(), "one piece, then the node dies");
    let left = fresh.number("SELECT COUNT(*) FROM GroupUser");
    assert!(left > 0 && left < i64::from(MEMBERS), "{left} members are left after a piece");
    drop(store);

    // Two nodes at once.
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| sweep(&mut *fresh.store()));
        }
    });
    for table in ["GroupUser", "Message", "DeletedGroup", "AllGroup", "Conversation"] {
        assert_eq!(fresh.number(&format!("SELECT COUNT(*) FROM {table}")), 0, "{table}");
    }
    let others = fresh.number("SELECT COUNT(*) FROM `Cursor`");
    assert_eq!(others, i64::from(MEMBERS), "cursors of other conversations stay");
}

pub(crate) fn what_an_old_crash_has_left_of_a_group_is_swept_after_the_upgrade(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    let (gone, kept) = (group(&mut *store, ann, "gone"), group(&mut *store, ann, "kept"));
    append(&mut *store, &[message(ann, Peer::Group(gone), "1"), message(ann, Peer::Group(kept), "1")]);
    for (table, column) in [("AllGroup", "id"), ("Conversation", "id"), ("GroupUser", "groupid"), ("`Cursor`", "conv")]
    {
        fresh.execute(&format!("DELETE FROM {table} WHERE {column} = {gone}"));
    }
    fresh.execute("UPDATE AllGroup SET members = 77");
    fresh.execute("DELETE FROM SchemaVersion WHERE version >= 2");
    fresh.stores.migrate().unwrap();
    sweep(&mut *store);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM Message"), 1);
    assert_eq!(store.members(kept, 0, 10).unwrap().total, 1, "members are counted anew");
}

pub(crate) fn the_number_of_members_is_counted_along(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    let chess = group(&mut *store, ann, "chess");
    let joined = members(&mut *store, 6, chess);
    std::thread::scope(|scope| {
        for &member in &joined[..4] {
            scope.spawn(move || {
                let mut store = fresh.store();
                for _ in 0..5 {
                    assert_eq!(store.quit_group(member, chess).unwrap(), LeaveOutcome::Done);
                    assert!(matches!(store.join_group(member, chess, NOW).unwrap(), JoinOutcome::New { .. }));
                    assert!(matches!(store.join_group(member, chess, NOW).unwrap(), JoinOutcome::Already(_)));
                }
                assert_eq!(store.quit_group(member, chess).unwrap(), LeaveOutcome::Done);
                assert_eq!(store.quit_group(member, chess).unwrap(), LeaveOutcome::NotAllowed);
            });
        }
    });
    assert_eq!(store.members(chess, 0, 10).unwrap().total, 3);
}

pub(crate) fn members_are_paged(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    let chess = group(&mut *store, ann, "chess");
    let joined = members(&mut *store, 5, chess);
    let page = store.members(chess, ann.number(), 3).unwrap();
    let ids: Vec<UserId> = page.members.iter().map(|member| member.person.id).collect();
    assert_eq!((ids.as_slice(), page.total), (&joined[..3], 6));
    assert_eq!(page.members[0].person.name, format!("member 0 of {chess}"));
    let rest = store.members(chess, joined[2].number(), 100).unwrap();
    assert_eq!((rest.members.len(), rest.total), (2, 6));
    assert_eq!(store.members(no_group(), 0, 10).unwrap(), MemberPage::default());
}

pub(crate) fn members_of_many_groups_at_once(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    let mut groups: Vec<GroupId> = (0..10).map(|n| group(&mut *store, ann, &format!("group {n}"))).collect();
    members(&mut *store, 4, groups[3]);
    groups.reverse();
    groups.insert(2, no_group());
    groups.push(groups[0]);
    let each: Vec<_> = groups.iter().map(|&group| store.members(group, 0, 3).unwrap()).collect();
    let members: Vec<_> = each.iter().map(|page| page.members.clone()).collect();
    let told: Vec<_> = groups.iter().zip(&each).map(|(group, page)| (*group, page.total)).collect();
    assert_eq!(store.members_of_all(&told, 3).unwrap(), members);
    // One more has come since it was told how many there are, and then a smaller page is wanted of all.
    let small: Vec<_> = told.iter().map(|(group, total)| (*group, total.saturating_sub(1))).collect();
    assert_eq!(store.members_of_all(&small, 4).unwrap().iter().map(Vec::len).max(), Some(4));
    assert!(each.iter().any(|page| page.total == 5 && page.members.len() == 3));
    assert_eq!(store.members_of_all(&[], 3).unwrap().len(), 0);
}

pub(crate) fn joins_and_appends_agree_on_the_end(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    let chess = group(&mut *store, ann, "chess");
    let newcomers: Vec<UserId> = (0..8).map(|n| user(&mut *store, &format!("newcomer {n}"))).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut store = fresh.store();
            for _ in 0..40 {
                // On a busy machine somebody who joins may hold the conversation for longer than a batch waits.
                while store.append(&[message(ann, Peer::Group(chess), "x")]).unwrap() == [Appended::Locked] {}
            }
        });
        for &newcomer in &newcomers {
            scope.spawn(move || {
                let mut store = fresh.store();
                let JoinOutcome::New { last_seq, .. } = store.join_group(newcomer, chess, NOW).unwrap() else {
                    panic!("new")
                };
                let here = store.position(newcomer, DeviceId::UNNAMED, ConvId::group(chess)).unwrap().unwrap();
                assert_eq!(here.delivered, last_seq);
                let sent = [message(newcomer, Peer::Group(chess), "hello")];
                assert!(append(&mut *store, &sent)[0] > last_seq);
            });
        }
    });
    let (_, more) = read(&mut *store, ann, ConvId::group(chess), Range::After(47));
    assert!(!more);
    let last = read(&mut *store, ann, ConvId::group(chess), Range::Latest).0;
    assert_eq!(last.last().unwrap().seq, 48);
    assert_eq!(store.delete_group(ann, chess, NOW).unwrap(), LeaveOutcome::Done);
    let late = message(ann, Peer::Group(chess), "late");
    assert_eq!(store.append(&[late]).unwrap(), [Appended::NoSuchGroup]);
}

pub(crate) fn a_long_history_is_deleted_to_the_end(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    let chess = group(&mut *store, ann, "chess");
    let batch = vec![message(ann, Peer::Group(chess), "x"); 2_048];
    for _ in 0..5 {
        append(&mut *store, &batch);
    }
    assert_eq!(store.delete_group(ann, chess, NOW).unwrap(), LeaveOutcome::Done);
    assert!(sweep(&mut *store) > 5, "in pieces");
    assert_eq!(fresh.number("SELECT COUNT(*) FROM Message"), 0);
}

pub(crate) fn a_device_made_while_joining_misses_no_group(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    let groups: Vec<GroupId> = (0..10).map(|n| group(&mut *store, ann, &format!("group {n}"))).collect();
    append(&mut *store, &groups.iter().map(|&to| message(ann, Peer::Group(to), "old")).collect::<Vec<_>>());
    let joining: Vec<UserId> = (0..4).map(|n| user(&mut *store, &format!("joining {n}"))).collect();
    let (joining, groups) = (&joining, &groups);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut store = fresh.store();
            for (&user, &group) in joining.iter().flat_map(|user| groups.iter().map(move |group| (user, group))) {
                store.join_group(user, group, NOW).unwrap();
            }
        });
        scope.spawn(move || {
            let mut store = fresh.store();
            for (user, n) in joining.iter().flat_map(|&user| (0..10).map(move |n| (user, n))) {
                store.device(user, &format!("device {n}")).unwrap();
            }
        });
    });
    for &user in joining {
        for device in (0..=10).map(DeviceId) {
            assert_eq!(store.pending(user, device).unwrap(), [], "nothing old is pending, whichever came first");
        }
    }
}
