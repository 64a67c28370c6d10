//! The request parser: what it lets through can be repeated in replies and relayed to others without breaking a line.

use serde_json::Value;
use stonechat::clock::UnixMs;
use stonechat::ids::UserId;
use stonechat::wire::body::Ext;
use stonechat::wire::errno::Errno;
use stonechat::wire::msg_id::MsgId;
use stonechat::wire::reply::{self, Echo, Notice, Push, RawEcho, TimeText, What};
use stonechat::wire::request::{
    AnswerFriend, AskFriend, Asked, Bare, Block, Bounds, ChangePassword, Chat, ConversationSet, Conversations,
    CreateGroup, Delivered, Edit, Envelope, Erase, Find, GroupAnswer, GroupBans, GroupKick, GroupMute, GroupRequests,
    GroupRole, GroupSet, Groups, History, Login, OneFriend, OneGroup, OneMember, Profile, React, Read, Recall,
    Receipts, Register, Request, Search, Sessions, Typing,
};

const BOUNDS: Bounds = Bounds { message_bytes: 8192 };

/// The bytes are a line without its end.
pub fn run(bytes: &[u8]) {
    let envelope = match Envelope::parse(bytes) {
        Ok(envelope) => envelope,
        Err(text) => return assert_is_a_line(&reply::error(Errno::Malformed, &text)),
    };
    let tag = envelope.tag().unwrap_or(None);
    assert_is_a_line(&reply::unknown_msgid(envelope.msgid, tag));
    let request = MsgId::from_number(envelope.msgid).unwrap_or(MsgId::Ping);
    let echo = RawEcho { tag, cid: envelope.raw_cid() };
    assert_is_a_line(&reply::failure(request, &echo, Errno::Malformed, "why"));
    assert_is_a_line(&reply::pong(tag));
    let _ = envelope.sender_id();
    for chat in [Chat::to_user(&envelope, BOUNDS), Chat::to_group(&envelope, BOUNDS)].into_iter().flatten() {
        relay(&chat, &Echo::new(echo));
    }
    relay_events(&envelope);
    relay_profile(&envelope);
    read_as_every_request(&envelope);
}

/// The ack and the push of a message.
fn relay(chat: &Chat, echo: &Echo) {
    let sender = UserId::new(1).expect("1 is an id");
    let time = TimeText::new(UnixMs::now());
    assert_is_a_line(&reply::ack(What::Message, chat.to, Some((1, &time)), echo));
    let (to, body) = (chat.to, &*chat.body);
    let push = Push { sender, name: "a", to, what: What::Message, body, time: &time, seq: 1, marks: "" };
    assert_is_a_line(&push.line());
    let listed = format!(r#"{{"conversations":[{{"last":{}}}]}}"#, push.last().get());
    let listed = [listed, format!(r#"{{"messages":[{}]}}"#, push.element().get())];
    if let Some(Err(error)) = listed.iter().map(|list| serde_json::from_str::<Value>(list)).find(Result::is_err) {
        panic!("{error}: {listed:?}");
    }
    let relayed: Value = serde_json::from_slice(&push.line()).expect("checked just above");
    assert!(relayed["msg"].is_string() && relayed["id"] == 1 && relayed["seq"] == 1, "{relayed}");
}

/// The pushes of what changes a message.
fn relay_events(envelope: &Envelope<'_>) {
    let sender = UserId::new(1).expect("1 is an id");
    let time = TimeText::new(UnixMs::now());
    let edit = Edit::parse(envelope, BOUNDS).map(|edit| (edit.peer, What::Edit { of: edit.of }, edit.body));
    let react = React::parse(envelope, BOUNDS).map(|React { peer, of, reaction, on, .. }| {
        let body = reply::reaction_body(&reaction, on);
        (peer, What::Reaction { of }, body.into_boxed_str())
    });
    for (to, what, body) in [edit, react].into_iter().flatten() {
        let push = Push { sender, name: "a", to, what, body: &body, time: &time, seq: 1, marks: "" };
        assert_is_a_line(&push.line());
        assert_is_a_line(&reply::ack(what, to, Some((1, &time)), &Echo::default()));
    }
}

/// The notice about a profile.
fn relay_profile(envelope: &Envelope<'_>) {
    let Ok(Profile { name, ext }) = Profile::parse(envelope, BOUNDS) else { return };
    let ext = ext.flatten().map(|text| Ext::new(text.into()).expect("it was parsed when it came in"));
    let id = UserId::new(1).expect("1 is an id");
    assert_is_a_line(&Notice::Profile { id, name: name.unwrap_or_default().into(), ext }.line());
}

fn read_as_every_request(envelope: &Envelope<'_>) {
    let refused = [
        Recall::parse(envelope, BOUNDS).err(),
        Read::parse(envelope, BOUNDS).err(),
        Typing::parse(envelope, BOUNDS).err(),
        Conversations::parse(envelope, BOUNDS).err(),
        ConversationSet::parse(envelope, BOUNDS).err(),
        Search::parse(envelope, BOUNDS).err(),
        Receipts::parse(envelope, BOUNDS).err(),
        Block::parse(envelope, BOUNDS).err(),
        GroupSet::parse(envelope, BOUNDS).err(),
        GroupRole::parse(envelope, BOUNDS).err(),
        GroupKick::parse(envelope, BOUNDS).err(),
        GroupBans::parse(envelope, BOUNDS).err(),
        GroupMute::parse(envelope, BOUNDS).err(),
        OneMember::parse(envelope, BOUNDS).err(),
        GroupAnswer::parse(envelope, BOUNDS).err(),
        GroupRequests::parse(envelope, BOUNDS).err(),
        ChangePassword::parse(envelope, BOUNDS).err(),
        Sessions::parse(envelope, BOUNDS).err(),
        Erase::parse(envelope, BOUNDS).err(),
        Asked::parse(envelope, BOUNDS).err(),
        Login::parse(envelope, BOUNDS).err(),
        Register::parse(envelope, BOUNDS).err(),
        Delivered::parse(envelope, BOUNDS).err(),
        OneFriend::parse(envelope, BOUNDS).err(),
        OneGroup::parse(envelope, BOUNDS).err(),
        CreateGroup::parse(envelope, BOUNDS).err(),
        Bare::parse(envelope, BOUNDS).err(),
        Groups::parse(envelope, BOUNDS).err(),
        Find::parse(envelope, BOUNDS).err(),
        AnswerFriend::parse(envelope, BOUNDS).err(),
        History::parse(envelope, BOUNDS).err(),
    ];
    for error in refused.into_iter().flatten() {
        assert!(error.errno.number() > 0 && !error.text.is_empty());
    }
    if let Ok(ask) = AskFriend::parse(envelope, BOUNDS) {
        assert_is_a_line(&reply::friend_request(ask.friend, "a", &ask.msg));
    }
}

/// One JSON object with an integer `msgid`, and one line end.
fn assert_is_a_line(line: &[u8]) {
    let text = str::from_utf8(line).expect("a line is UTF-8");
    assert_eq!(text.find('\n'), Some(text.len() - 1), "{text:?}");
    let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(value["msgid"].is_i64(), "{text}");
}
