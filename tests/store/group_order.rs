//! Order in groups: settings, roles, kicks, bans, mutes, and who may do what.

use stonechat::clock::UnixMs;
use stonechat::ids::{ConvId, DeviceId, GroupId, Peer, UserId};
use stonechat::store::rights::Joining;
use stonechat::store::{
    Created, GroupChange, GroupRefusal, GroupSettings, JoinOutcome, LeaveOutcome, PastShown, Quota, Quotas, Role,
    Speaking, Store,
};

use crate::fresh::{Fresh, NOW, append, group, message, user};

pub(crate) const NOTHING: GroupChange<'_> =
    GroupChange { name: None, desc: None, joining: None, speaking: None, past: None, old_name_until: UnixMs(0) };

/// A group with its creator, an admin, two members and a stranger.
pub(crate) struct Cast {
    pub(crate) chess: GroupId,
    pub(crate) creator: UserId,
    pub(crate) admin: UserId,
    pub(crate) bob: UserId,
    pub(crate) cat: UserId,
    pub(crate) stranger: UserId,
}

pub(crate) fn cast(store: &mut dyn Store) -> Cast {
    let creator = user(store, "creator");
    let chess = group(store, creator, "chess");
    let [admin, bob, cat] = ["admin", "bob", "cat"].map(|name| user(store, name));
    for member in [admin, bob, cat] {
        assert!(matches!(store.join_group(member, chess, NOW).unwrap(), JoinOutcome::New { .. }));
    }
    assert!(store.set_role(creator, chess, admin, Role::Admin).unwrap().unwrap().is_news);
    Cast { chess, creator, admin, bob, cat, stranger: user(store, "stranger") }
}

pub(crate) fn role(store: &mut dyn Store, group: GroupId, user: UserId) -> Option<Role> {
    store.group(group, user).unwrap().unwrap().1
}

pub(crate) fn set(store: &mut dyn Store, by: UserId, group: GroupId, change: GroupChange<'_>) {
    store.set_group(by, group, &change, NOW).unwrap().unwrap();
}

fn no_group() -> GroupId {
    GroupId::new(i64::from(i32::MAX)).unwrap()
}

fn nobody() -> UserId {
    UserId::new(i64::from(i32::MAX)).unwrap()
}

pub(crate) fn settings_are_changed_by_creator_and_admins(fresh: &Fresh) {
    let mut store = fresh.store();
    let Cast { chess, creator, admin, bob, stranger, .. } = cast(&mut *store);
    let change = GroupChange {
        name: Some("Go ●"),
        desc: Some("Tuesdays"),
        joining: Some(Joining::Ask),
        speaking: Some(Speaking::Admins),
        past: Some(PastShown::SinceJoining),
        ..NOTHING
    };
    for (who, refusal) in [(bob, GroupRefusal::NotAllowed), (stranger, GroupRefusal::NoMember)] {
        assert_eq!(store.set_group(who, chess, &change, NOW).unwrap(), Err(refusal));
    }
    assert_eq!(store.set_group(creator, no_group(), &change, NOW).unwrap(), Err(GroupRefusal::NoSuchGroup));

    let changed = store.set_group(admin, chess, &change, NOW).unwrap().unwrap();
    let settings = GroupSettings { joining: Joining::Ask, speaking: Speaking::Admins, past: PastShown::SinceJoining };
    assert_eq!((changed.is_news, changed.group.settings), (true, settings));
    assert_eq!((changed.group.name.as_str(), changed.group.desc.as_str()), ("Go ●", "Tuesdays"));
    assert_eq!(store.group(chess, bob).unwrap(), Some((changed.group.clone(), Some(Role::Normal))));
    assert_eq!(store.groups(bob, 0, 9).unwrap()[0].0.group, changed.group);
    assert_eq!(
        store.find_groups(None, "go ●", 9).unwrap(),
        std::slice::from_ref(&changed.group),
        "found by its new name"
    );
    assert_eq!(store.find_groups(None, "chess", 9).unwrap(), []);
    for same in [change, NOTHING] {
        let again = store.set_group(creator, chess, &same, NOW).unwrap().unwrap();
        assert_eq!((again.is_news, &again.group), (false, &changed.group), "nothing is new");
    }
    let one = GroupChange { speaking: Some(Speaking::All), ..NOTHING };
    let changed = store.set_group(creator, chess, &one, NOW).unwrap().unwrap();
    assert_eq!(changed.group.settings, GroupSettings { speaking: Speaking::All, ..settings }, "the rest stays");
}

pub(crate) fn a_name_that_was_given_up_is_held_for_its_group(fresh: &Fresh) {
    let mut store = fresh.store();
    let Cast { chess, creator, bob, .. } = cast(&mut *store);
    let other = group(&mut *store, bob, "Other");
    let until = UnixMs(NOW.0 + 1_000);
    let named = |name| GroupChange { name: Some(name), old_name_until: until, ..NOTHING };
    let refused = Err(GroupRefusal::NameTaken);
    assert_eq!(store.set_group(creator, chess, &named("OTHER"), NOW).unwrap(), refused);
    set(&mut *store, creator, chess, named("CHESS"));
    assert_eq!(fresh.number("SELECT COUNT(*) FROM HeldName"), 0, "it is the same name");
    set(&mut *store, creator, chess, named("go"));
    assert_eq!(store.set_group(bob, other, &named("Chess"), NOW).unwrap(), refused, "held");
    assert_eq!(store.create_group(bob, "chess", "", NOW).unwrap(), Created::NameTaken, "held");
    set(&mut *store, creator, chess, named("chess"));
    assert_eq!(store.set_group(bob, other, &named("go"), NOW).unwrap(), refused, "so is the one between");
    set(&mut *store, creator, chess, named("third"));
    assert!(store.set_group(bob, other, &named("chess"), until).unwrap().is_ok(), "for a time");
    let at_once = GroupChange { old_name_until: UnixMs(0), ..named("fourth") };
    set(&mut *store, creator, chess, at_once);
    assert!(matches!(store.create_group(bob, "third", "", NOW).unwrap(), Created::New(_)), "not held at all");
    assert_eq!(store.delete_group(creator, chess, NOW).unwrap(), LeaveOutcome::Done);
    assert!(matches!(store.create_group(bob, "fourth", "", NOW).unwrap(), Created::New(_)), "free at once");
}

pub(crate) fn the_creator_gives_roles(fresh: &Fresh) {
    let mut store = fresh.store();
    let Cast { chess, creator, admin, bob, stranger, .. } = cast(&mut *store);
    for (who, refusal) in
        [(admin, GroupRefusal::NotAllowed), (bob, GroupRefusal::NotAllowed), (stranger, GroupRefusal::NoMember)]
    {
        for to in [Role::Admin, Role::Normal, Role::Creator] {
            assert_eq!(store.set_role(who, chess, bob, to).unwrap(), Err(refusal));
        }
    }
    assert_eq!(store.set_role(creator, chess, stranger, Role::Admin).unwrap(), Err(GroupRefusal::NotInGroup));
    assert_eq!(store.set_role(creator, chess, nobody(), Role::Admin).unwrap(), Err(GroupRefusal::NotInGroup));
    assert_eq!(store.set_role(creator, no_group(), bob, Role::Admin).unwrap(), Err(GroupRefusal::NoSuchGroup));
    assert_eq!(store.set_role(creator, chess, creator, Role::Normal).unwrap(), Err(GroupRefusal::IsCreator));
    let done = store.set_role(creator, chess, bob, Role::Normal).unwrap().unwrap();
    assert_eq!((done.is_news, done.person.name.as_str()), (false, "bob"));
    assert!(!store.set_role(creator, chess, creator, Role::Creator).unwrap().unwrap().is_news);
    assert!(store.set_role(creator, chess, admin, Role::Normal).unwrap().unwrap().is_news);
    assert_eq!(role(&mut *store, chess, admin), Some(Role::Normal));
    assert_eq!(store.group_admins(chess, 9).unwrap(), [creator]);
    store.set_role(creator, chess, bob, Role::Admin).unwrap().unwrap();
    assert_eq!(store.group_admins(chess, 9).unwrap().len(), 2);
    assert_eq!(store.group_admins(chess, 1).unwrap().len(), 1);
}

pub(crate) fn a_group_is_handed_over(fresh: &Fresh) {
    let mut store = fresh.store();
    let Cast { chess, creator, bob, cat, .. } = cast(&mut *store);
    store.hold_to(Quotas { groups_created: Some(1), ..Quotas::default() });
    let own = group(&mut *store, bob, "of bob");
    let full = GroupRefusal::Full(Quota::GroupsCreatedOfOther);
    assert_eq!(store.set_role(creator, chess, bob, Role::Creator).unwrap(), Err(full));
    assert_eq!(role(&mut *store, chess, creator), Some(Role::Creator), "nothing was changed");
    assert_eq!(store.delete_group(bob, own, NOW).unwrap(), LeaveOutcome::Done);
    assert!(store.set_role(creator, chess, bob, Role::Creator).unwrap().unwrap().is_news);
    assert_eq!(role(&mut *store, chess, bob), Some(Role::Creator));
    assert_eq!(role(&mut *store, chess, creator), Some(Role::Admin));
    assert_eq!(store.create_group(bob, "more", "", NOW).unwrap(), Created::Full(Quota::GroupsCreated));
    assert!(matches!(store.create_group(creator, "again", "", NOW).unwrap(), Created::New(_)));
    assert_eq!(store.delete_group(creator, chess, NOW).unwrap(), LeaveOutcome::NotAllowed);
    assert_eq!(store.quit_group(creator, chess).unwrap(), LeaveOutcome::Done);
    assert_eq!(store.set_role(creator, chess, cat, Role::Admin).unwrap(), Err(GroupRefusal::NoMember));
    assert_eq!(fresh.number("SELECT COUNT(*) FROM GroupUser WHERE grouprole = 'creator' AND groupid = 1"), 1);
}

pub(crate) fn one_is_kicked_from_above_only(fresh: &Fresh) {
    let mut store = fresh.store();
    let Cast { chess, creator, admin, bob, cat, stranger } = cast(&mut *store);
    let phone = store.device(bob, "phone").unwrap().id;
    append(&mut *store, &[message(creator, Peer::Group(chess), "1")]);
    for (who, whom, refusal) in [
        (bob, cat, GroupRefusal::NotAllowed),
        (bob, creator, GroupRefusal::NotAllowed),
        (admin, creator, GroupRefusal::NotAllowed),
        (stranger, bob, GroupRefusal::NoMember),
        (creator, stranger, GroupRefusal::NotInGroup),
        (creator, nobody(), GroupRefusal::NotInGroup),
    ] {
        assert_eq!(store.kick(who, chess, whom).unwrap(), Err(refusal), "{who} {whom}");
    }
    assert_eq!(store.kick(creator, no_group(), bob).unwrap(), Err(GroupRefusal::NoSuchGroup));
    assert_eq!(store.ban(admin, chess, creator, NOW).unwrap(), Err(GroupRefusal::NotAllowed));
    assert_eq!(fresh.number("SELECT COUNT(*) FROM GroupBan"), 0, "what is refused has written nothing");

    let done = store.kick(admin, chess, bob).unwrap().unwrap();
    assert_eq!((done.is_news, done.person.id), (true, bob));
    assert_eq!(role(&mut *store, chess, bob), None);
    assert_eq!(store.members(chess, 0, 9).unwrap().total, 3);
    assert_eq!(fresh.number(&format!("SELECT COUNT(*) FROM `Cursor` WHERE userid = {bob}")), 0);
    for device in [DeviceId::UNNAMED, phone] {
        assert_eq!(store.position(bob, device, ConvId::group(chess)).unwrap(), None);
    }
    assert!(matches!(store.join_group(bob, chess, NOW).unwrap(), JoinOutcome::New { .. }), "without a ban");
    store.set_role(creator, chess, cat, Role::Admin).unwrap().unwrap();
    assert_eq!(store.kick(admin, chess, cat).unwrap(), Err(GroupRefusal::NotAllowed), "an admin by an admin");
    assert!(store.kick(creator, chess, cat).unwrap().is_ok());
}

pub(crate) fn who_is_banned_does_not_come_in(fresh: &Fresh) {
    let mut store = fresh.store();
    let Cast { chess, creator, admin, bob, cat, stranger } = cast(&mut *store);
    assert_eq!(store.ban(bob, chess, stranger, NOW).unwrap(), Err(GroupRefusal::NotAllowed));
    assert_eq!(store.ban(admin, chess, nobody(), NOW).unwrap(), Err(GroupRefusal::NoSuchUser));
    assert!(store.ban(admin, chess, bob, NOW).unwrap().unwrap().is_news, "a member");
    assert!(!store.ban(admin, chess, stranger, NOW).unwrap().unwrap().is_news, "in advance: nobody is told");
    assert!(!store.ban(creator, chess, stranger, NOW).unwrap().unwrap().is_news, "again");
    for joining in [Joining::Open, Joining::Ask, Joining::Invite] {
        set(&mut *store, creator, chess, GroupChange { joining: Some(joining), ..NOTHING });
        assert_eq!(store.join_group(bob, chess, NOW).unwrap(), JoinOutcome::Banned, "{joining:?}");
    }
    set(&mut *store, creator, chess, GroupChange { joining: Some(Joining::Open), ..NOTHING });

    let ids = |people: Vec<stonechat::store::Person>| people.iter().map(|person| person.id).collect::<Vec<_>>();
    assert_eq!(ids(store.bans(admin, chess, 0, 9).unwrap().unwrap()), [bob, stranger]);
    assert_eq!(ids(store.bans(admin, chess, bob.number(), 1).unwrap().unwrap()), [stranger]);
    assert_eq!(store.bans(cat, chess, 0, 9).unwrap(), Err(GroupRefusal::NotAllowed));
    assert_eq!(store.bans(bob, chess, 0, 9).unwrap(), Err(GroupRefusal::NoMember));
    assert_eq!(store.bans(bob, no_group(), 0, 9).unwrap(), Err(GroupRefusal::NoSuchGroup));
    assert_eq!(store.lift_ban(cat, chess, bob).unwrap(), Err(GroupRefusal::NotAllowed));
    for _ in 0..2 {
        assert_eq!(store.lift_ban(admin, chess, bob).unwrap(), Ok(()), "one that is not there is no matter");
    }
    assert!(matches!(store.join_group(bob, chess, NOW).unwrap(), JoinOutcome::New { .. }));

    store.hold_to(Quotas { bans: Some(2), ..Quotas::default() });
    assert!(store.ban(creator, chess, bob, NOW).unwrap().is_ok());
    assert_eq!(store.ban(creator, chess, cat, NOW).unwrap(), Err(GroupRefusal::Full(Quota::GroupBans)));
    assert_eq!(role(&mut *store, chess, cat), Some(Role::Normal), "nothing was changed");
    assert!(store.ban(creator, chess, stranger, NOW).unwrap().is_ok(), "banned before");
}

pub(crate) fn a_mute_ends_with_its_time_and_not_by_leaving(fresh: &Fresh) {
    let mut store = fresh.store();
    let Cast { chess, creator, admin, bob, cat, stranger } = cast(&mut *store);
    let until = UnixMs(NOW.0 + 60_000);
    for (who, whom, refusal) in [
        (bob, cat, GroupRefusal::NotAllowed),
        (admin, creator, GroupRefusal::NotAllowed),
        (admin, admin, GroupRefusal::NotAllowed),
        (stranger, bob, GroupRefusal::NoMember),
        (admin, stranger, GroupRefusal::NotInGroup),
    ] {
        assert_eq!(store.mute(who, chess, whom, until, NOW).unwrap(), Err(refusal), "{who} {whom}");
    }
    assert_eq!(store.mute(admin, no_group(), bob, until, NOW).unwrap(), Err(GroupRefusal::NoSuchGroup));
    let muted = format!("SELECT muted_until FROM GroupUser WHERE userid = {bob}");
    assert!(!store.mute(admin, chess, bob, NOW, NOW).unwrap().unwrap().is_news, "he was not");
    assert!(store.mute(admin, chess, bob, until, NOW).unwrap().unwrap().is_news);
    assert!(!store.mute(admin, chess, bob, until, NOW).unwrap().unwrap().is_news, "the same again");
    assert_eq!(fresh.number(&muted), until.0);

    assert_eq!(store.quit_group(bob, chess).unwrap(), LeaveOutcome::Done);
    assert!(matches!(store.join_group(bob, chess, NOW).unwrap(), JoinOutcome::New { .. }));
    assert_eq!(fresh.number(&muted), until.0, "nobody gets rid of it by leaving");
    assert_eq!(store.quit_group(bob, chess).unwrap(), LeaveOutcome::Done);
    assert!(matches!(store.join_group(bob, chess, until).unwrap(), JoinOutcome::New { .. }));
    assert_eq!(fresh.number(&muted), 0, "it was over");
    assert_eq!(fresh.number("SELECT COUNT(*) FROM KeptMute"), 0);

    store.mute(admin, chess, bob, until, NOW).unwrap().unwrap();
    assert!(store.mute(creator, chess, bob, UnixMs(0), NOW).unwrap().unwrap().is_news, "lifted");
    assert_eq!(fresh.number(&muted), 0);
    store.mute(admin, chess, bob, until, NOW).unwrap().unwrap();
    store.set_role(creator, chess, bob, Role::Admin).unwrap().unwrap();
    assert_eq!(fresh.number(&muted), 0, "an admin speaks");
}

pub(crate) fn nothing_goes_through_behind_an_acknowledged_change(fresh: &Fresh) {
    const ROUNDS: usize = 12;
    let mut store = fresh.store();
    let Cast { chess, creator, admin, bob, cat, .. } = cast(&mut *store);
    for round in 0..ROUNDS {
        std::thread::scope(|scope| {
            let demoting = scope.spawn(|| {
                fresh.store().set_role(creator, chess, admin, Role::Normal).unwrap().unwrap();
            });
            let kicking = scope.spawn(|| fresh.store().kick(admin, chess, bob).unwrap());
            let kicked = kicking.join().unwrap();
            demoting.join().unwrap();
            assert!(matches!(kicked, Ok(_) | Err(GroupRefusal::NotAllowed)), "{kicked:?}");
        });
        assert_eq!(store.kick(admin, chess, cat).unwrap(), Err(GroupRefusal::NotAllowed), "round {round}");
        store.set_role(creator, chess, admin, Role::Admin).unwrap().unwrap();
        store.join_group(bob, chess, NOW).unwrap();
    }
    // Two who hand the group to each other's friends, and one who bans while others join.
    std::thread::scope(|scope| {
        for to in [bob, cat] {
            scope.spawn(move || fresh.store().set_role(creator, chess, to, Role::Creator).unwrap());
        }
    });
    let creators = format!("SELECT COUNT(*) FROM GroupUser WHERE groupid = {chess} AND grouprole = 'creator'");
    assert_eq!(fresh.number(&creators), 1, "there is one creator");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut store = fresh.store();
                for _ in 0..ROUNDS {
                    store.quit_group(admin, chess).unwrap();
                    store.join_group(admin, chess, NOW).unwrap();
                }
            });
        }
        let creator = if role(&mut *store, chess, bob) == Some(Role::Creator) { bob } else { cat };
        store.ban(creator, chess, admin, NOW).unwrap().unwrap();
        assert_eq!(role(&mut *store, chess, admin), None);
    });
    assert_eq!(role(&mut *store, chess, admin), None, "whoever came in again came in before the ban");
    assert_eq!(store.members(chess, 0, 9).unwrap().total, 3);
}

pub(crate) fn what_belongs_to_a_deleted_group_goes_with_it(fresh: &Fresh) {
    let mut store = fresh.store();
    let Cast { chess, creator, bob, cat, stranger, .. } = cast(&mut *store);
    let kept = group(&mut *store, creator, "kept");
    let asking = GroupChange { joining: Some(Joining::Ask), ..NOTHING };
    for group in [chess, kept] {
        set(&mut *store, creator, group, asking);
        store.join_group(stranger, group, NOW).unwrap();
        let invited = user(&mut *store, &format!("invited to {group}"));
        store.invite(creator, group, invited, NOW).unwrap().unwrap();
        let banned = user(&mut *store, &format!("banned from {group}"));
        store.ban(creator, group, banned, NOW).unwrap().unwrap();
        fresh.execute(&format!("INSERT INTO KeptMute (groupid, userid, muted_until) VALUES ({group}, {cat}, 9)"));
        let reaction = "INSERT INTO Reaction (conv, of_seq, reaction, userid, seq, sent_at, is_on)";
        for number in 0..700 {
            fresh.execute(&format!("{reaction} VALUES ({group}, {}, 'x', {bob}, 1, 1, 1)", number % 700));
            if group == kept {
                break;
            }
        }
        let total = "INSERT INTO ReactionTotal (conv, of_seq, reaction, total, since)";
        fresh.execute(&format!("{total} VALUES ({group}, 1, 'x', 1, 1)"));
    }
    assert_eq!(store.delete_group(creator, chess, NOW).unwrap(), LeaveOutcome::Done);
    assert_eq!(store.open_group_asks(stranger, 9).unwrap().len(), 1, "nothing of it is seen");
    assert!(!store.withdraw_wish(stranger, chess).unwrap());
    while store.sweep().unwrap() {}
    for (table, rows) in [
        ("GroupBan", 1),
        ("GroupAsk", 2),
        ("KeptMute", 1),
        ("Reaction", 1),
        ("ReactionTotal", 1),
        ("GroupUser", 1),
        ("DeletedGroup", 0),
    ] {
        assert_eq!(fresh.number(&format!("SELECT COUNT(*) FROM {table}")), rows, "{table}");
    }
}
