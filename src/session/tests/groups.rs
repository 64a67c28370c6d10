//! How sessions come to hear groups, and what they are told of it.

use super::*;

fn text(line: &Bytes) -> &str {
    std::str::from_utf8(line).unwrap()
}

/// The answer to what the session has last asked about a group that it follows.
fn joined_elsewhere(bed: &mut Bed, followed: Followed) {
    let conn = bed.conn(0);
    let following = *bed.session(0).hearing().unwrap().following.last().unwrap();
    bed.post(ReactorMessage::JoinedElsewhere { conn, following, followed });
}

fn compared(conn: ConnId, changes: u32, groups: &[i64]) -> ReactorMessage {
    let groups = groups.iter().map(|group| GroupId::new(*group).unwrap()).collect();
    let standing = Standing { pending: vec![], groups };
    ReactorMessage::Compared(Compared { conns: vec![conn], changes: vec![changes], standings: Some(vec![standing]) })
}

#[test]
fn a_join_elsewhere_that_could_not_be_followed_is_followed_at_the_next_tick() {
    let mut bed = Bed::new();
    bed.open(0);
    let conn = bed.log_in(0, 1);
    bed.post(ReactorMessage::Events(vec![Event::Joined { conn, group: group() }]));
    joined_elsewhere(&mut bed, Followed::Failed);
    let live = bed.session(0).live().unwrap();
    assert!(live.retry.follow && live.groups.is_empty());
    assert!(bed.given_back.lock().unwrap().is_empty(), "the job has given it back");
    bed.now += Duration::from_secs(1);
    let (session, wire) = bed.net.0.get_mut(&conn).unwrap();
    bed.local.due(conn, session, wire, bed.now);
    assert!(!bed.session(0).live().unwrap().retry.follow);
    joined_elsewhere(&mut bed, Followed::Member(3));
    assert_eq!(bed.session(0).live().unwrap().groups, [group()]);
}

#[test]
fn a_membership_whose_news_was_lost_shows_in_the_comparison() {
    let mut bed = Bed::new();
    bed.open(0);
    let conn = bed.log_in(0, 1);
    for joined in [1, 2] {
        bed.session(0).asks();
        bed.reply(conn, SessionChange::Join { group: GroupId::new(joined).unwrap(), last_seq: 0 });
    }
    bed.take_lines(0);
    let changes = bed.session(0).live().unwrap().group_changes;
    bed.post(compared(conn, changes, &[2, 3]));
    let live = bed.session(0).live().unwrap();
    assert_eq!(live.groups, [GroupId::new(2).unwrap()], "the first was left elsewhere");
    let third = Following { group: GroupId::new(3).unwrap(), ..following(changes + 2) };
    assert_eq!(live.following, [third], "it was joined elsewhere");
    assert_eq!(*bed.given_back.lock().unwrap(), [Channel::Group(group())]);
    let lines = bed.take_lines(0);
    assert_eq!(lines.len(), 1, "it hears nothing of the third yet: {lines:?}");
    assert!(text(&lines[0]).contains("group_left"), "{lines:?}");
}

#[test]
fn a_comparison_that_is_older_than_a_join_undoes_nothing() {
    let mut bed = Bed::new();
    bed.open(0);
    let conn = bed.log_in(0, 1);
    let asked_at = bed.session(0).live().unwrap().group_changes;
    bed.session(0).asks();
    bed.reply(conn, SessionChange::Join { group: group(), last_seq: 0 });
    bed.post(compared(conn, asked_at, &[]));
    let live = bed.session(0).live().unwrap();
    assert_eq!(live.groups, [group()]);
    assert!(live.retry.compare, "it is asked again");
    bed.session(0).asks();
    let asked_at = bed.session(0).live().unwrap().group_changes;
    bed.reply(conn, SessionChange::Leave(group()));
    bed.post(compared(conn, asked_at, &[1]));
    let live = bed.session(0).live().unwrap();
    assert!(live.groups.is_empty() && live.following.is_empty(), "nor than a leaving");
}

/// What is on its way to a session may come behind the news that its user is out: an answer to what it said in the group.
#[test]
fn nothing_of_a_group_comes_between_the_news_of_leaving_and_that_of_coming_back() {
    let mut bed = Bed::new();
    bed.open(0);
    let conn = bed.log_in(0, 1);
    bed.session(0).asks();
    bed.reply(conn, SessionChange::Join { group: group(), last_seq: 4 });
    bed.take_lines(0);
    let conv = ConvId::group(group());
    let page = |seqs: std::ops::RangeInclusive<Seq>| {
        let messages: Vec<Message> = seqs.map(|seq| message(conv, 2, seq)).collect();
        let position = Some(Pending { conv, delivered: 4, last_seq: 7 });
        ReactorMessage::Fetched { conn, pages: Some(vec![Page { conv, position, messages }]) }
    };
    bed.post(page(5..=5));
    assert_eq!(bed.take_lines(0).len(), 1);
    bed.post(ReactorMessage::Events(vec![Event::Left { conn, group: group(), line: line("left\n") }]));
    let stored = Some((7, Which::of(user(1), UnixMs(0))));
    bed.post(ReactorMessage::Events(vec![Event::Answered { conn, conv, stored, line: line("ack\n") }]));
    bed.post(page(6..=6));
    assert_eq!(bed.take_lines(0), [line("left\n"), line("ack\n")], "nothing was asked for");
    bed.post(ReactorMessage::Events(vec![Event::Joined { conn, group: group() }]));
    bed.post(page(6..=6));
    assert_eq!(bed.take_lines(0), Vec::<Bytes>::new(), "nor is it before it is known where the user is");
    joined_elsewhere(&mut bed, Followed::Member(4));
    bed.post(page(6..=7));
    let lines = bed.take_lines(0);
    assert_eq!(lines.len(), 2, "the news, and 6: it has 5, and has said 7 itself: {lines:?}");
    assert!(text(&lines[0]).contains("group_joined"), "{lines:?}");
    assert!(text(&lines[1]).contains(r#""seq":6"#), "{lines:?}");
}

#[test]
fn who_cannot_be_told_of_a_group_yet_does_not_hear_it_yet() {
    let mut bed = Bed::new();
    bed.open(0);
    let conn = bed.log_in(0, 1);
    bed.take_lines(0);
    bed.wire(0).full = true;
    bed.post(ReactorMessage::Events(vec![Event::Joined { conn, group: group() }]));
    joined_elsewhere(&mut bed, Followed::Member(3));
    let live = bed.session(0).live().unwrap();
    assert!(live.groups.is_empty() && live.retry.follow, "it is tried again");
    assert_eq!(*bed.given_back.lock().unwrap(), [Channel::Group(group())]);
    bed.wire(0).full = false;
    joined_elsewhere(&mut bed, Followed::Member(3));
    assert_eq!(bed.session(0).live().unwrap().groups, [group()]);
    assert!(text(&bed.take_lines(0)[0]).contains("group_joined"));
}

/// The reply to the login may list a group of which the session was told meanwhile that its user has left it.
#[test]
fn news_that_came_during_the_login_follow_its_reply_in_their_order() {
    let mut bed = Bed::new();
    bed.open(0);
    let conn = bed.asks_for_login(0);
    let live = Box::new(Live { groups: [group()].into_iter().collect(), ..*Bed::live(conn, 1) });
    bed.post(ReactorMessage::Enter { conn, live });
    bed.post(ReactorMessage::Events(vec![Event::Left { conn, group: group(), line: line("left\n") }]));
    let changes = bed.session(0).hearing().unwrap().group_changes;
    bed.post(compared(conn, changes, &[1]));
    joined_elsewhere(&mut bed, Followed::Member(3));
    let backlog = Backlog { pending: vec![], shown: vec![], own: vec![], requests: vec![] };
    bed.reply(conn, SessionChange::GoLive(Box::new(backlog)));
    let lines = bed.take_lines(0);
    assert_eq!(lines[..2], [line("reply\n"), line("left\n")]);
    assert!(text(&lines[2]).contains("group_joined"), "{lines:?}");
}

/// The position was read before the user left, and says nothing of the membership that has begun since.
#[test]
fn an_answer_about_a_membership_that_is_over_is_none_about_the_next_one() {
    let mut bed = Bed::new();
    bed.open(0);
    let conn = bed.log_in(0, 1);
    let joined = || ReactorMessage::Events(vec![Event::Joined { conn, group: group() }]);
    bed.post(joined());
    let first = bed.session(0).live().unwrap().following[0];
    bed.post(ReactorMessage::Events(vec![Event::Left { conn, group: group(), line: line("left\n") }]));
    bed.post(joined());
    bed.post(ReactorMessage::JoinedElsewhere { conn, following: first, followed: Followed::Member(3) });
    assert!(bed.session(0).live().unwrap().groups.is_empty());
    joined_elsewhere(&mut bed, Followed::Member(9));
    assert_eq!(bed.session(0).live().unwrap().groups, [group()]);
    assert_eq!(bed.session(0).live().unwrap().seqs.had(ConvId::group(group())), 9);
}

/// Between the two answers its user was sent out, and asked to join once more.
#[test]
fn an_answer_of_before_the_last_joining_is_not_told_but_compared() {
    let mut bed = Bed::new();
    bed.open(0);
    let conn = bed.log_in(0, 1);
    bed.session(0).asks();
    bed.post(ReactorMessage::Events(vec![Event::Left { conn, group: group(), line: line("left\n") }]));
    bed.reply(conn, SessionChange::Join { group: group(), last_seq: 3 });
    let first = bed.session(0).live().unwrap().following[0];
    bed.session(0).asks();
    bed.reply(conn, SessionChange::Join { group: group(), last_seq: 5 });
    bed.take_lines(0);
    assert_eq!(bed.session(0).live().unwrap().groups, [group()]);
    bed.post(ReactorMessage::JoinedElsewhere { conn, following: first, followed: Followed::NoMember });
    assert_eq!(bed.take_lines(0), [] as [Bytes; 0], "it hears the group");
    let live = bed.session(0).live().unwrap();
    assert_eq!(live.groups, [group()]);
    assert!(live.following.is_empty() && live.retry.compare, "the store is asked which of the two is newer");
}

/// A kick may be acknowledged while the reply to the request to join is made.
#[test]
fn who_was_sent_out_before_the_reply_to_the_joining_came_does_not_hear_the_group() {
    let mut bed = Bed::new();
    bed.open(0);
    let conn = bed.log_in(0, 1);
    bed.take_lines(0);
    bed.session(0).asks();
    bed.post(ReactorMessage::Events(vec![Event::Left { conn, group: group(), line: line("left\n") }]));
    bed.reply(conn, SessionChange::Join { group: group(), last_seq: 3 });
    assert!(bed.session(0).live().unwrap().groups.is_empty());
    assert_eq!(*bed.given_back.lock().unwrap(), [Channel::Group(group())]);
    joined_elsewhere(&mut bed, Followed::NoMember);
    let lines = bed.take_lines(0);
    assert_eq!(lines[..2], [line("left\n"), line("reply\n")]);
    assert!(text(&lines[2]).contains("group_left"), "that was the last word: {lines:?}");
    let live = bed.session(0).live().unwrap();
    assert!(live.groups.is_empty() && live.following.is_empty());
    // News of which no more is known is told to a client that believes the reply.
    bed.session(0).asks();
    bed.post(ReactorMessage::Events(vec![Event::Left { conn, group: group(), line: line("left\n") }]));
    bed.reply(conn, SessionChange::Join { group: group(), last_seq: 3 });
    for (times, told) in [(1, 1), (2, 0)] {
        bed.take_lines(0);
        bed.post(ReactorMessage::Events(vec![Event::Left { conn, group: group(), line: Bytes::new() }]));
        assert_eq!(bed.take_lines(0).len(), told, "told {times} times");
    }
}

#[test]
fn who_was_told_of_joining_before_the_reply_to_the_leaving_came_is_compared() {
    let mut bed = Bed::new();
    bed.open(0);
    let conn = bed.log_in(0, 1);
    bed.session(0).asks();
    bed.post(ReactorMessage::Events(vec![Event::Joined { conn, group: group() }]));
    bed.reply(conn, SessionChange::Leave(group()));
    let live = bed.session(0).live().unwrap();
    assert!(live.following.is_empty() && live.retry.compare);
}
