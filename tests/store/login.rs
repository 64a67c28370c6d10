//! What a login reads in one statement is what its parts are, each read by itself.

use stonechat::ids::{ConvId, DeviceId, GroupId, Peer, UserId};
use stonechat::store::{AccountPage, JoinOutcome, KnownDevice, OwnPending, Store};

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
        let AccountPage { pending, friends, is_asked, groups: own } = store.account_page(id, device, 10, 10).unwrap();
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
    store.save_token(&new_token(&[1; 32], id, stonechat::clock::UnixMs(NOW.0 + 9)), NOW).unwrap();
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

pub(crate) fn few_messages_are_listed_as_many_are(fresh: &Fresh) {
    let mut store = fresh.store();
    let Ann { id, groups, .. } = ann(&mut *store);
    let pending = store.pending(id, DeviceId::UNNAMED).unwrap();
    let all = store.oldest_pending(id, &pending, listed(OwnPending::Listed), 100, usize::MAX).unwrap();
    // The ends are taken to be further away than they are: then it is asked in two steps.
    let far: Vec<_> = pending.iter().map(|p| stonechat::store::Pending { last_seq: p.last_seq + 100, ..*p }).collect();
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
