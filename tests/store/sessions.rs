//! Sessions as their user sees them, and how they are ended.

use stonechat::clock::UnixMs;
use stonechat::store::{NewToken, SessionRow, Store, TokenUse, UserRef};

use crate::fresh::{Fresh, NOW, PHC, new_token, user};

const END: UnixMs = UnixMs(NOW.0 + 1_000_000);

fn at(ms: i64) -> UnixMs {
    UnixMs(NOW.0 + ms)
}

fn numbers(sessions: &[SessionRow]) -> Vec<u32> {
    sessions.iter().map(|session| session.number).collect()
}

pub(crate) fn sessions_are_listed_by_number(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    for token in 1..=3 {
        assert!(store.save_token(&new_token(&[token; 32], ann, END), at(token.into())).unwrap());
    }
    assert!(store.save_token(&new_token(&[9; 32], bob, END), NOW).unwrap());
    let used = TokenUse { device: "böse\"\\🦊", address: "2001:db8::/64" };
    store.extend_token(&[2; 32], END, used, at(50)).unwrap();

    let sessions = store.sessions(ann, 0, 10, NOW).unwrap();
    assert_eq!(numbers(&sessions), [1, 2, 3]);
    let second = SessionRow {
        number: 2,
        token: [2; 32],
        device: used.device.to_owned(),
        address: used.address.to_owned(),
        since: at(2),
        used_at: at(50),
    };
    assert_eq!(sessions[1], second);
    assert_eq!(numbers(&store.sessions(ann, 1, 1, NOW).unwrap()), [2]);
    assert_eq!(numbers(&store.sessions(bob, 0, 10, NOW).unwrap()), [1], "each user counts for himself");
    assert_eq!(store.sessions(ann, 0, 10, UnixMs(END.0 + 10)).unwrap(), [], "what has expired resumes nothing");
}

pub(crate) fn tokens_of_before_get_numbers(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    assert!(store.save_token(&new_token(&[1; 32], ann, END), NOW).unwrap());
    assert!(store.save_token(&new_token(&[2; 32], ann, END), NOW).unwrap());
    fresh.execute("UPDATE AuthToken SET number = 0, since = 0, used_at = 0, device = '', address = ''");
    assert!(store.save_token(&new_token(&[3; 32], ann, END), NOW).unwrap());
    let sessions = store.sessions(ann, 0, 10, NOW).unwrap();
    assert_eq!(numbers(&sessions), [1, 2, 3]);
    assert_eq!((sessions[0].token, sessions[2].token), ([3; 32], [2; 32]));
    assert_eq!(sessions[1].used_at, UnixMs(END.0 - 30 * 24 * 3_600_000));
}

pub(crate) fn what_was_ended_is_noted_for_other_nodes(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    for token in 1..=4 {
        assert!(store.save_token(&new_token(&[token; 32], ann, END), NOW).unwrap());
    }
    assert!(store.save_token(&new_token(&[9; 32], bob, END), NOW).unwrap());
    assert_eq!(store.end_session(bob, 2, at(1)).unwrap(), None, "he has one session");
    assert_eq!(store.end_session(ann, 2, at(1)).unwrap(), Some([2; 32]));
    assert_eq!(store.end_session(ann, 2, at(1)).unwrap(), None);
    assert_eq!(store.token(&[2; 32], "", NOW).unwrap(), None);
    let mut ended = store.end_other_sessions(ann, &[3; 32], at(5)).unwrap();
    ended.sort_unstable();
    assert_eq!(ended, [[1; 32], [4; 32]]);
    assert_eq!(numbers(&store.sessions(ann, 0, 10, NOW).unwrap()), [3]);
    assert_eq!(store.sessions(bob, 0, 10, NOW).unwrap().len(), 1);

    let tokens = |store: &mut dyn Store, since| {
        let mut tokens: Vec<u8> =
            store.ended_tokens(since).unwrap().iter().map(|ended| ended.token.unwrap()[0]).collect();
        tokens.sort_unstable();
        tokens
    };
    assert_eq!(tokens(&mut *store, NOW), [1, 2, 4]);
    assert_eq!(tokens(&mut *store, at(1)), [1, 4]);
    assert!(store.ended_tokens(NOW).unwrap().iter().all(|ended| ended.user == ann));
    store.delete_token(&[3; 32]).unwrap();
    assert_eq!(tokens(&mut *store, NOW).len(), 3, "a logout needs no note");

    let day = 24 * 3_600_000;
    assert!(!store.sweep_accounts(at(day)).unwrap());
    assert!(store.sweep_accounts(at(day + 2)).unwrap());
    assert!(!store.sweep_accounts(at(day + 2)).unwrap());
    assert_eq!(tokens(&mut *store, NOW), [1, 4], "kept for a day");
}

pub(crate) fn a_new_password_ends_the_other_sessions(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    for token in 1..=2 {
        assert!(store.save_token(&new_token(&[token; 32], ann, END), NOW).unwrap());
    }
    assert_eq!(store.change_password(ann, ["$other$", "$new$"], &[1; 32], NOW).unwrap(), None, "another one by now");
    assert_eq!(store.sessions(ann, 0, 10, NOW).unwrap().len(), 2);
    assert_eq!(store.change_password(ann, [PHC, "$new$"], &[1; 32], NOW).unwrap(), Some(vec![[2; 32]]));
    assert_eq!(store.user(UserRef::Id(ann)).unwrap().unwrap().password, "$new$");
    assert_eq!(numbers(&store.sessions(ann, 0, 10, NOW).unwrap()), [1]);

    let late = new_token(&[3; 32], ann, END);
    assert!(!store.save_token(&late, NOW).unwrap(), "a login that has checked the old password comes too late");
    assert_eq!(store.token(&[3; 32], "", NOW).unwrap(), None);
    assert!(store.save_token(&NewToken { proof: "$new$", ..late }, NOW).unwrap());
}
