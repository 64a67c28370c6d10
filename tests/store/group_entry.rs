//! How users come into groups: open ones, those that are asked, those that invite.

use stonechat::ids::{ConvId, GroupId, Peer, UserId};
use stonechat::store::rights::Joining;
use stonechat::store::{GroupChange, GroupRefusal, JoinOutcome, PastShown, Person, Quota, Quotas, Range, Role, Store};

use crate::fresh::{Fresh, NOW, append, group, message, user};
use crate::group_order::{Cast, NOTHING, cast, role, set};

fn joined_by(store: &mut dyn Store, creator: UserId, group: GroupId, joining: Joining) {
    set(store, creator, group, GroupChange { joining: Some(joining), ..NOTHING });
}

fn ids(people: Vec<Person>) -> Vec<UserId> {
    people.into_iter().map(|person| person.id).collect()
}

pub(crate) fn who_asks_waits_to_be_let_in(fresh: &Fresh) {
    let mut store = fresh.store();
    let Cast { chess, creator, admin, bob, stranger, .. } = cast(&mut *store);
    joined_by(&mut *store, creator, chess, Joining::Ask);
    append(&mut *store, &[message(creator, Peer::Group(chess), "1")]);
    let other = user(&mut *store, "other");
    for (who, is_news) in [(stranger, true), (stranger, false), (other, true)] {
        let outcome = store.join_group(who, chess, NOW).unwrap();
        let JoinOutcome::Waiting { group, is_news: told } = outcome else { panic!("{outcome:?}") };
        assert_eq!((group.id, told), (chess, is_news));
    }
    assert_eq!(role(&mut *store, chess, stranger), None);
    assert_eq!(store.messages(stranger, ConvId::group(chess), Range::Latest, 9, 999).unwrap(), None);
    assert_eq!(ids(store.wishes(admin, chess, 0, 9).unwrap().unwrap()), [stranger, other]);
    assert_eq!(ids(store.wishes(admin, chess, stranger.number(), 1).unwrap().unwrap()), [other]);
    assert_eq!(store.wishes(bob, chess, 0, 9).unwrap(), Err(GroupRefusal::NotAllowed));
    assert_eq!(store.wishes(stranger, chess, 0, 9).unwrap(), Err(GroupRefusal::NoMember));
    let asks = store.open_group_asks(stranger, 9).unwrap();
    assert_eq!((asks.len(), asks[0].group, asks[0].name.as_str(), &asks[0].invited_by), (1, chess, "chess", &None));

    assert_eq!(store.answer_wish(bob, chess, stranger, true, NOW).unwrap(), Err(GroupRefusal::NotAllowed));
    assert_eq!(store.answer_wish(stranger, chess, stranger, true, NOW).unwrap(), Err(GroupRefusal::NoMember));
    assert_eq!(store.answer_wish(admin, chess, bob, true, NOW).unwrap(), Err(GroupRefusal::NothingToAnswer));
    let let_in = store.answer_wish(admin, chess, stranger, true, NOW).unwrap().unwrap().unwrap();
    assert_eq!((let_in.person.name.as_str(), let_in.group.id, let_in.last_seq), ("stranger", chess, 1));
    assert_eq!(role(&mut *store, chess, stranger), Some(Role::Normal));
    assert_eq!(store.answer_wish(admin, chess, stranger, true, NOW).unwrap(), Err(GroupRefusal::NothingToAnswer));
    assert_eq!(store.answer_wish(creator, chess, other, false, NOW).unwrap(), Ok(None), "declined");
    assert_eq!(store.wishes(admin, chess, 0, 9).unwrap(), Ok(vec![]));
    assert!(matches!(store.join_group(other, chess, NOW).unwrap(), JoinOutcome::Waiting { is_news: true, .. }));
    assert!(store.withdraw_wish(other, chess).unwrap());
    assert!(!store.withdraw_wish(other, chess).unwrap());
    assert_eq!(fresh.number("SELECT COUNT(*) FROM GroupAsk"), 0);
}

pub(crate) fn members_invite_into_open_groups_and_admins_into_all(fresh: &Fresh) {
    let mut store = fresh.store();
    let Cast { chess, creator, admin, bob, cat, stranger } = cast(&mut *store);
    let nobody = UserId::new(i64::from(i32::MAX)).unwrap();
    for (who, whom, refusal) in [
        (stranger, bob, GroupRefusal::NoMember),
        (bob, cat, GroupRefusal::IsMember),
        (bob, nobody, GroupRefusal::NoSuchUser),
    ] {
        assert_eq!(store.invite(who, chess, whom, NOW).unwrap(), Err(refusal));
    }
    assert_eq!(store.answer_invitation(stranger, chess, true, NOW).unwrap(), Err(GroupRefusal::NothingToAnswer));
    assert_eq!(store.invite(bob, chess, stranger, NOW).unwrap().unwrap().name, "chess");
    let told = store.invitations(stranger, 9).unwrap();
    assert_eq!(
        (told.len(), told[0].from.name.as_str(), told[0].group, told[0].name.as_str()),
        (1, "bob", chess, "chess")
    );
    assert_eq!(store.open_group_asks(stranger, 9).unwrap()[0].invited_by.as_ref().unwrap().id, bob);

    joined_by(&mut *store, creator, chess, Joining::Invite);
    assert_eq!(store.invite(bob, chess, stranger, NOW).unwrap(), Err(GroupRefusal::NotAllowed));
    // An invitation is worth what the one who gave it may do.
    assert_eq!(store.join_group(stranger, chess, NOW).unwrap(), JoinOutcome::InviteOnly);
    assert_eq!(store.answer_invitation(stranger, chess, true, NOW).unwrap(), Err(GroupRefusal::NothingToAnswer));
    assert!(store.invite(admin, chess, stranger, NOW).unwrap().is_ok(), "takes the member's place");
    assert_eq!(store.invitations(stranger, 9).unwrap()[0].from.id, admin);
    let let_in = store.answer_invitation(stranger, chess, true, NOW).unwrap().unwrap().unwrap();
    assert_eq!((let_in.person.id, let_in.group.id), (stranger, chess));
    assert_eq!(role(&mut *store, chess, stranger), Some(Role::Normal));
    assert_eq!(store.invitations(stranger, 9).unwrap(), []);

    let other = user(&mut *store, "other");
    store.invite(admin, chess, other, NOW).unwrap().unwrap();
    assert_eq!(store.answer_invitation(other, chess, false, NOW).unwrap(), Ok(None), "declined");
    assert_eq!(store.join_group(other, chess, NOW).unwrap(), JoinOutcome::InviteOnly);
    store.invite(admin, chess, other, NOW).unwrap().unwrap();
    assert!(matches!(store.join_group(other, chess, NOW).unwrap(), JoinOutcome::New { .. }), "that accepts it");

    joined_by(&mut *store, creator, chess, Joining::Open);
    let third = user(&mut *store, "third");
    store.invite(admin, chess, third, NOW).unwrap().unwrap();
    store.invite(bob, chess, third, NOW).unwrap().unwrap();
    assert_eq!(store.invitations(third, 9).unwrap()[0].from.id, admin, "one that is worth more stays");
    store.ban(admin, chess, third, NOW).unwrap().unwrap();
    assert_eq!(store.answer_invitation(third, chess, true, NOW).unwrap(), Err(GroupRefusal::NothingToAnswer));
}

pub(crate) fn an_admins_invitation_lifts_a_ban(fresh: &Fresh) {
    let mut store = fresh.store();
    let Cast { chess, admin, bob, cat, .. } = cast(&mut *store);
    store.ban(admin, chess, bob, NOW).unwrap().unwrap();
    assert_eq!(store.invite(cat, chess, bob, NOW).unwrap(), Err(GroupRefusal::IsBanned), "a member's does not");
    store.hold_to(Quotas { friend_requests: Some(0), ..Quotas::default() });
    assert_eq!(store.invite(admin, chess, bob, NOW).unwrap(), Err(GroupRefusal::Full(Quota::GroupAsks)));
    assert_eq!(store.bans(admin, chess, 0, 9).unwrap().unwrap().len(), 1, "nothing was changed");
    store.hold_to(Quotas::default());
    assert!(store.invite(admin, chess, bob, NOW).unwrap().is_ok());
    assert_eq!(store.bans(admin, chess, 0, 9).unwrap(), Ok(vec![]));
    assert!(store.answer_invitation(bob, chess, true, NOW).unwrap().unwrap().is_some());
}

pub(crate) fn who_has_blocked_the_inviter_is_not_invited(fresh: &Fresh) {
    let mut store = fresh.store();
    let Cast { chess, admin, bob, stranger, .. } = cast(&mut *store);
    fresh.execute(&format!("INSERT INTO Block (userid, blocked) VALUES ({stranger}, {bob})"));
    assert_eq!(store.invite(bob, chess, stranger, NOW).unwrap(), Err(GroupRefusal::IsBlocked));
    assert!(store.invite(admin, chess, stranger, NOW).unwrap().is_ok(), "another may");
}

pub(crate) fn open_wishes_and_invitations_are_counted(fresh: &Fresh) {
    let mut store = fresh.store();
    let Cast { chess, creator, bob, stranger, .. } = cast(&mut *store);
    store.hold_to(Quotas { friend_requests: Some(2), ..Quotas::default() });
    let groups: Vec<GroupId> = (0..3).map(|number| group(&mut *store, creator, &format!("group {number}"))).collect();
    for &group in &groups {
        joined_by(&mut *store, creator, group, Joining::Ask);
    }
    for &group in &groups[..2] {
        assert!(matches!(store.join_group(stranger, group, NOW).unwrap(), JoinOutcome::Waiting { .. }));
    }
    assert_eq!(store.join_group(stranger, groups[2], NOW).unwrap(), JoinOutcome::Full(Quota::GroupAsks));
    store.delete_group(creator, groups[0], NOW).unwrap();
    assert!(matches!(store.join_group(stranger, groups[2], NOW).unwrap(), JoinOutcome::Waiting { .. }), "one is free");
    let invited: Vec<UserId> = (0..3).map(|number| user(&mut *store, &format!("invited {number}"))).collect();
    for &user in &invited[..2] {
        assert!(store.invite(bob, chess, user, NOW).unwrap().is_ok());
    }
    assert!(store.invite(bob, chess, invited[0], NOW).unwrap().is_ok(), "the same again");
    assert_eq!(store.invite(bob, chess, invited[2], NOW).unwrap(), Err(GroupRefusal::Full(Quota::GroupAsks)));
    assert_eq!(store.invitations(invited[0], 9).unwrap().len(), 1);
}

pub(crate) fn quotas_hold_for_who_is_let_in(fresh: &Fresh) {
    let mut store = fresh.store();
    let Cast { chess, creator, stranger, .. } = cast(&mut *store);
    joined_by(&mut *store, creator, chess, Joining::Ask);
    store.join_group(stranger, chess, NOW).unwrap();
    let full = |quota| Err(GroupRefusal::Full(quota));
    store.hold_to(Quotas { groups_joined: Some(0), ..Quotas::default() });
    assert_eq!(store.answer_wish(creator, chess, stranger, true, NOW).unwrap(), full(Quota::GroupsJoinedOfOther));
    store.hold_to(Quotas { group_members: Some(4), ..Quotas::default() });
    assert_eq!(store.answer_wish(creator, chess, stranger, true, NOW).unwrap(), full(Quota::GroupMembers));
    let invited = user(&mut *store, "invited");
    store.hold_to(Quotas { groups_joined: Some(0), ..Quotas::default() });
    store.invite(creator, chess, invited, NOW).unwrap().unwrap();
    assert_eq!(store.answer_invitation(invited, chess, true, NOW).unwrap(), full(Quota::GroupsJoined));
    store.hold_to(Quotas::default());
    assert!(store.answer_wish(creator, chess, stranger, true, NOW).unwrap().is_ok(), "the wish has stayed");
    assert!(store.answer_invitation(invited, chess, true, NOW).unwrap().is_ok(), "and so has the invitation");
}

pub(crate) fn new_members_read_from_their_joining_on_where_that_is_set(fresh: &Fresh) {
    let mut store = fresh.store();
    let Cast { chess, creator, bob, stranger, .. } = cast(&mut *store);
    append(&mut *store, &[message(creator, Peer::Group(chess), "1"), message(creator, Peer::Group(chess), "2")]);
    set(&mut *store, creator, chess, GroupChange { past: Some(PastShown::SinceJoining), ..NOTHING });
    store.join_group(stranger, chess, NOW).unwrap();
    let joined = |user: UserId| fresh.number(&format!("SELECT joined_seq FROM GroupUser WHERE userid = {user}"));
    assert_eq!((joined(stranger), joined(bob)), (2, 0));
    append(&mut *store, &[message(creator, Peer::Group(chess), "3")]);
    store.quit_group(bob, chess).unwrap();
    store.join_group(bob, chess, NOW).unwrap();
    assert_eq!(joined(bob), 3, "whoever comes back is new");
    set(&mut *store, creator, chess, GroupChange { past: Some(PastShown::All), ..NOTHING });
    let late = user(&mut *store, "late");
    store.join_group(late, chess, NOW).unwrap();
    assert_eq!((joined(late), joined(stranger)), (0, 2));
    let active =
        fresh.number(&format!("SELECT active_at FROM Conversation WHERE id = {}", group(&mut *store, bob, "x")));
    assert_eq!(active, NOW.0, "a new group is active since it was made");
}
