//! The request parser: what it lets through can be repeated in replies and relayed to others without breaking a line.

use serde_json::Value;
use stonechat::clock::UnixMs;
use stonechat::ids::UserId;
use stonechat::wire::errno::Errno;
use stonechat::wire::msg_id::MsgId;
use stonechat::wire::reply::{self, Echo, Push, RawEcho, TimeText};
use stonechat::wire::request::{
    AnswerFriend, AskFriend, Bare, Bounds, Chat, CreateGroup, Delivered, Envelope, Find, Groups, History, Login,
    OneFriend, OneGroup, Register, Request,
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
    read_as_every_request(&envelope);
}

/// The ack and the push of a message.
fn relay(chat: &Chat, echo: &Echo) {
    let sender = UserId::new(1).expect("1 is an id");
    let time = TimeText::new(UnixMs::now());
    assert_is_a_line(&reply::ack(chat.to, 1, &time, echo));
    let push = Push { sender, name: "a", to: chat.to, body: &chat.body, time: &time, seq: 1 };
    assert_is_a_line(&push.line());
    let listed = format!(r#"{{"messages":[{}]}}"#, push.element().get());
    assert!(!listed.contains('\n'), "{listed}");
    if let Err(error) = serde_json::from_str::<Value>(&listed) {
        panic!("{error}: {listed}");
    }
    let relayed: Value = serde_json::from_slice(&push.line()).expect("checked just above");
    assert!(relayed["msg"].is_string() && relayed["id"] == 1 && relayed["seq"] == 1, "{relayed}");
}

fn read_as_every_request(envelope: &Envelope<'_>) {
    let refused = [
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
