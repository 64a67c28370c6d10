//! What a login reads in one statement is what its parts are, each read by itself.

use stonechat::clock::UnixMs;
use stonechat::ids::{ConvId, DeviceId, GroupId, Peer, UserId};
use stonechat::store::{
    AccountPage, GroupChange, JoinOutcome, KnownDevice, Missing, OwnPending, PastShown, Pending, Store, TokenHash,
    UserRef,
};

use crate::fresh::{Fresh, NOW, append, group, listed, message, new_token, user};

/// Ann with friends, groups and unread messages, and a phone that has confirmed nothing.
struct Ann {
    id: UserId,
    phone: DeviceId,
    groups: Vec<GroupId>,
}

fn ann(store: &mut dyn Store) -> Ann {
    let [ann, bob, cat] = ["ann", "bob", "cat"].map(|name| user(store, name));
    let phone = store.device(ann, "phone").unwrap().id;
    let groups: Vec<GroupId> = ["one", "two", "three"].map(|name| group(store, bob, name)).into();
    for &group in &groups {
        assert!(matches!(store.join_group(ann, group, NOW).unwrap(), JoinOutcome::New { .. }));
    }
    store.join_group(cat, groups[1], NOW).unwrap();
    for friend in [cat, bob] {
        store.add_friend(ann, friend).unwrap();
    }
    let to = |peer, text| message(bob, peer, text);
    append(store, &[to(Peer::User(ann), "1"), to(Peer::Group(groups[2]), "2"), to(Peer::Group(groups[0]), "3")]);
    append(store, &[message(ann, Peer::Group(groups[1]), "4"), message(cat, Peer::User(ann), "5")]);
    Ann { id: ann, phone, groups }
}

pub(crate) fn the_page_of_an_account_is_what_its_parts_are(fresh: &Fresh) {
    let mut store = fresh.store();
    let Ann { id, phone, groups } = ann(&mut *store);
    for device in [DeviceId::UNNAMED, phone, DeviceId(77)] {
        let page = store.account_page(id, device, 10, 10).unwrap();
        let AccountPage { pending, friends, is_asked, is_blocked, groups: own, has_more_groups } = page;
        assert!(!is_blocked && !has_more_groups);
        assert_eq!(pending, store.pending(id, device).unwrap());
        assert_eq!(pending.len(), 5, "of device {device:?}");
        assert_eq!(friends, store.friends(id, 0, 10).unwrap());
        assert_eq!((friends.len(), is_asked), (2, false));
        assert_eq!(own, store.groups(id, 0, 10).unwrap());
        assert_eq!(
            own.iter().map(|(own, members)| (own.group.id, *members)).collect::<Vec<_>>(),
            [(groups[0], 2), (groups[1], 3), (groups[2], 2)]
        );
    }
    let page = store.account_page(id, phone, 1, 2).unwrap();
    assert_eq!(page.friends, store.friends(id, 0, 1).unwrap());
    assert_eq!(page.groups, store.groups(id, 0, 2).unwrap());
    assert_eq!(page.pending.len(), 5, "all of it, whatever is listed");
    assert!(page.has_more_groups);
    assert!(!store.account_page(id, phone, 1, 3).unwrap().has_more_groups, "there are three");
    let bob = bob(&mut *store);
    store.block(bob, id).unwrap();
    assert!(store.account_page(id, phone, 9, 9).unwrap().is_blocked);
}

fn bob(store: &mut dyn Store) -> UserId {
    store.user(UserRef::Name("bob")).unwrap().unwrap().id
}

pub(crate) fn many_logins_find_what_each_would_find(fresh: &Fresh) {
    let mut store = fresh.store();
    let Ann { id, phone, groups } = ann(&mut *store);
    let [bob, cat] = ["bob", "cat"].map(|name| store.user(UserRef::Name(name)).unwrap().unwrap().id);
    let further: Vec<UserId> = (0..40).map(|number| user(&mut *store, &format!("further-{number}"))).collect();
    for &user in &further {
        store.join_group(user, groups[0], NOW).unwrap();
        store.add_friend(bob, user).unwrap();
    }
    let late = user(&mut *store, "late");
    append(&mut *store, &[message(bob, Peer::Group(groups[0]), "to all"), message(cat, Peer::User(bob), "to bob")]);
    let rules = GroupChange {
        name: None,
        desc: None,
        joining: None,
        speaking: None,
        past: Some(PastShown::SinceJoining),
        old_name_until: NOW,
    };
    store.set_group(bob, groups[0], &rules, NOW).unwrap().unwrap();
    store.join_group(late, groups[0], NOW).unwrap();
    store.block(cat, late).unwrap();
    let nobody = UserId::new(999_999).unwrap();

    let mut sessions =
        vec![(cat, DeviceId::UNNAMED), (id, phone), (id, DeviceId::UNNAMED), (nobody, phone), (late, phone)];
    sessions.extend(further.iter().map(|user| (*user, DeviceId::UNNAMED)));
    sessions.push((bob, DeviceId(77)));
    let pages = store.account_pages(&sessions, 20, 2).unwrap();
    let one_by_one: Vec<_> =
        sessions.iter().map(|&(user, device)| store.account_page(user, device, 20, 2).unwrap()).collect();
    assert_eq!(pages, one_by_one);
    assert_eq!((pages[1].groups.len(), pages[1].has_more_groups), (2, true), "of each so many");
    assert_eq!(pages.last().unwrap().friends.len(), 20, "of each so many");
    assert!(pages[4].is_blocked && pages.iter().filter(|page| page.is_blocked).count() == 1);

    for own in [OwnPending::Listed, OwnPending::LeftOut] {
        for (limit, bytes) in [(100, usize::MAX), (1, usize::MAX), (100, 1)] {
            let asked = sessions.iter().zip(&pages);
            let of: Vec<Missing<'_>> = asked
                .map(|(&(reader, _), page)| Missing { reader, pending: &page.pending, listed: listed(own) })
                .collect();
            let found = store.oldest_pending_of_many(&of, limit, bytes).unwrap();
            let of_one =
                |of: &Missing<'_>| store.oldest_pending(of.reader, of.pending, of.listed, limit, bytes).unwrap();
            assert_eq!(found, of.iter().map(of_one).collect::<Vec<_>>());
            assert!(found[1].iter().chain(&found[8]).count() >= 2, "there is something to find");
        }
    }
    // One has left since the positions were read, another never was a member, and neither is shown anything.
    store.quit_group(further[0], groups[0]).unwrap();
    let pending = &pages[6].pending;
    let of =
        [further[0], nobody, further[1]].map(|reader| Missing { reader, pending, listed: listed(OwnPending::Listed) });
    let found = store.oldest_pending_of_many(&of, 100, usize::MAX).unwrap();
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [0, 0, 1]);
    // What was said before somebody came is not read out of what others may read.
    let all = [Pending { delivered: 0, ..pages[6].pending[0] }];
    let of = [late, further[1]].map(|reader| Missing { reader, pending: &all, listed: listed(OwnPending::Listed) });
    let found = store.oldest_pending_of_many(&of, 100, usize::MAX).unwrap();
    assert!(found[0].is_empty() && !found[1].is_empty(), "{found:?}");
    // Nobody reads the messages of two others, whatever position is given.
    let all = [Pending { conv: ConvId::pair(bob, cat), delivered: 0, last_seq: 9 }];
    let of = [cat, late].map(|reader| Missing { reader, pending: &all, listed: listed(OwnPending::Listed) });
    assert_eq!(store.oldest_pending_of_many(&of, 9, 99).unwrap().iter().map(Vec::len).collect::<Vec<_>>(), [1, 0]);
}

pub(crate) fn what_a_user_has_left_is_not_pending(fresh: &Fresh) {
    let mut store = fresh.store();
    let Ann { id, phone, groups } = ann(&mut *store);
    // Its rows in Cursor alone would say so.
    fresh.execute(&format!("DELETE FROM GroupUser WHERE groupid = {} AND userid = {id}", groups[2]));
    for device in [DeviceId::UNNAMED, phone] {
        let page = store.account_page(id, device, 10, 10).unwrap();
        assert!(page.pending.iter().all(|position| position.conv != ConvId::group(groups[2])));
        assert_eq!((page.pending.len(), page.groups.len()), (4, 2));
        assert_eq!(page.pending, store.pending_of_all(&[(id, device)]).unwrap()[0]);
        assert_eq!(store.position(id, device, ConvId::group(groups[2])).unwrap(), None);
    }
}

pub(crate) fn a_token_tells_the_device_and_the_groups(fresh: &Fresh) {
    let mut store = fresh.store();
    let Ann { id, phone, groups } = ann(&mut *store);
    store.save_token(&new_token(&[1; 32], id, UnixMs(NOW.0 + 9)), NOW).unwrap();
    let token = |store: &mut dyn Store, device| store.token(&[1; 32], device, NOW).unwrap().unwrap();
    let row = token(&mut *store, "phone");
    assert_eq!(row.known_device, Some(KnownDevice { id: phone, is_latest: true }));
    assert_eq!((row.user.id, row.groups), (id, groups));
    assert_eq!(token(&mut *store, "").known_device, None);
    assert_eq!(token(&mut *store, "tablet").known_device, None);
    store.device(id, "tablet").unwrap();
    assert_eq!(token(&mut *store, "phone").known_device, Some(KnownDevice { id: phone, is_latest: false }));
    assert_eq!(store.token(&[2; 32], "phone", NOW).unwrap(), None);
}

pub(crate) fn many_tokens_tell_what_each_would_tell(fresh: &Fresh) {
    let mut store = fresh.store();
    let Ann { id, .. } = ann(&mut *store);
    let bob = bob(&mut *store);
    let lone = user(&mut *store, "lone");
    for (number, of) in [(1, id), (2, bob), (3, id), (4, lone)] {
        store.save_token(&new_token(&[number; 32], of, UnixMs(NOW.0 + i64::from(number))), NOW).unwrap();
    }
    let asked: Vec<(TokenHash, &str)> = [(4, ""), (1, "phone"), (9, ""), (2, ""), (3, "tablet"), (1, "")]
        .map(|(number, device)| ([number; 32], device))
        .into();
    for now in [NOW, UnixMs(NOW.0 + 2)] {
        let rows = store.tokens(&asked, now).unwrap();
        assert_eq!(rows.len(), asked.len());
        for (row, (hash, device)) in rows.iter().zip(&asked) {
            assert_eq!(*row, store.token(hash, device, now).unwrap());
        }
        let owners: Vec<_> = rows.iter().map(|row| row.as_ref().map(|row| row.user.id)).collect();
        let ended = now != NOW;
        let live = |user: UserId| (!ended).then_some(user);
        assert_eq!(owners, [Some(lone), live(id), None, live(bob), Some(id), live(id)]);
    }
    assert_eq!(store.tokens(&[], NOW).unwrap(), []);
}

pub(crate) fn few_messages_are_listed_as_many_are(fresh: &Fresh) {
    let mut store = fresh.store();
    let Ann { id, groups, .. } = ann(&mut *store);
    let pending = store.pending(id, DeviceId::UNNAMED).unwrap();
    let all = store.oldest_pending(id, &pending, listed(OwnPending::Listed), 100, usize::MAX).unwrap();
    // The ends are taken to be further away than they are: then it is asked in two steps.
    let far: Vec<_> = pending.iter().map(|p| Pending { last_seq: p.last_seq + 100, ..*p }).collect();
    for own in [OwnPending::Listed, OwnPending::LeftOut] {
        for limit in [100, 3, 1] {
            let few = store.oldest_pending(id, &pending, listed(own), limit, usize::MAX).unwrap();
            assert_eq!(few, store.oldest_pending(id, &far, listed(own), limit, usize::MAX).unwrap());
            assert_eq!(few.len(), (limit as usize).min(if own == OwnPending::Listed { 5 } else { 4 }));
        }
    }
    assert_eq!(store.oldest_pending(id, &pending, listed(OwnPending::Listed), 100, 0).unwrap(), all[..1]);
    store.quit_group(id, groups[0]).unwrap();
    assert_eq!(store.oldest_pending(id, &pending, listed(OwnPending::Listed), 100, usize::MAX).unwrap().len(), 4);
}
