//! Lines as people type them, and what is understood.

use stonechat_protocol::ids::{GroupId, UserId};

use super::*;

fn order(line: &str) -> Command {
    match parse(line) {
        Ok(Typed::Command(command)) => command,
        other => panic!("{line}: {other:?}"),
    }
}

fn user(number: i64) -> Target {
    Target::Id(Peer::User(UserId::new(number).unwrap()))
}

fn group(number: i64) -> Target {
    Target::Id(Peer::Group(GroupId::new(number).unwrap()))
}

#[test]
fn text_is_text_and_two_slashes_are_one() {
    assert_eq!(parse("hello / there"), Ok(Typed::Text("hello / there".into())));
    assert_eq!(parse("//etc/passwd"), Ok(Typed::Text("/etc/passwd".into())));
    assert!(parse("/nonsense").unwrap_err().contains("/help"));
    assert!(parse("/chat").unwrap_err().contains("usage: /chat"));
}

#[test]
fn names_numbers_groups_and_quotes() {
    assert_eq!(order("/chat 7"), Command::Chat(user(7), None));
    assert_eq!(order("/chat #3 hi  you"), Command::Chat(group(3), Some("hi  you".into())));
    let anna = Target::Name(Kind::Any, "anna lee".into());
    assert_eq!(order("/chat \"anna lee\" hi"), Command::Chat(anna, Some("hi".into())));
    assert_eq!(order("/join 3"), Command::Join(group(3)));
    assert_eq!(order("/add Anna Lee"), Command::Add(Target::Name(Kind::User, "Anna Lee".into())));
}

#[test]
fn a_name_in_quotes_is_a_name_whatever_it_looks_like() {
    let name = |kind, name: &str| Target::Name(kind, name.to_owned());
    assert_eq!(order("/chat \"7\" hi"), Command::Chat(name(Kind::Any, "7"), Some("hi".into())));
    assert_eq!(order("/chat \"#lea\""), Command::Chat(name(Kind::Any, "#lea"), None));
    assert_eq!(order("/chat #\"7\" hi"), Command::Chat(name(Kind::Group, "7"), Some("hi".into())));
    assert_eq!(order("/add \"7\""), Command::Add(name(Kind::User, "7")));
    assert_eq!(order("/join \"3\""), Command::Join(name(Kind::Group, "3")));
    assert_eq!(order("/chat:\"7\":hi"), Command::Chat(name(Kind::Any, "7"), Some("hi".into())));
    let odd = r#"/chat "a \"b\" \\ \c" hi"#;
    assert_eq!(order(odd), Command::Chat(name(Kind::Any, r#"a "b" \ \c"#), Some("hi".into())));
    assert_eq!(order("/chat an\"na hi"), Command::Chat(name(Kind::Any, "an\"na"), Some("hi".into())));
    assert_eq!(order("/chat \"anna hi"), Command::Chat(name(Kind::Any, "\"anna"), Some("hi".into())));
}

#[test]
fn a_text_keeps_its_quotes() {
    assert_eq!(order("/chat 7 \"yes\" and \"no\""), Command::Chat(user(7), Some("\"yes\" and \"no\"".into())));
    assert_eq!(order("/ask 7 \"hi\""), Command::Ask(user(7), "\"hi\"".into()));
}

#[test]
fn what_is_spelled_is_read_back_as_the_same_name() {
    let names = [
        "anna",
        "7",
        "+7",
        "-7",
        "#lea",
        "@lea",
        "\"",
        "\"a\"",
        "a \"b\"",
        "\\",
        "two words",
        "\\\" x",
        "a\"b",
        "日本 語",
    ];
    for name in names {
        let typed = spelled(name);
        assert_eq!(target(Kind::Any, &typed), Target::Name(Kind::Any, name.to_owned()), "{typed}");
        let expected = Command::Chat(Target::Name(Kind::Any, name.to_owned()), Some("hi you".into()));
        assert_eq!(order(&format!("/chat {typed} hi you")), expected, "{typed}");
        let group = Command::Join(Target::Name(Kind::Group, name.to_owned()));
        assert_eq!(order(&format!("/join #{typed}")), group, "{typed}");
    }
    assert_eq!(spelled("anna"), "anna");
}

#[test]
fn the_last_word_may_be_half_of_a_name_in_quotes() {
    for (order, word) in [
        ("/chat an", "an"),
        ("/chat \"two w", "\"two w"),
        ("/chat #\"two w", "#\"two w"),
        ("/chat \"two words\" h", "h"),
        ("/chat ", ""),
        ("/ch", "/ch"),
    ] {
        assert_eq!(&order[last_word(order)..], word, "{order}");
    }
}

#[test]
fn older_clients_lines_work_with_a_slash_and_without() {
    assert_eq!(order("/chat:2:hello: you"), Command::Chat(user(2), Some("hello: you".into())));
    let bare = |line: &str| parse_bare(line).unwrap().unwrap();
    assert_eq!(bare("groupchat:3:hi"), Command::Chat(group(3), Some("hi".into())));
    assert_eq!(bare("addfriend:2"), Command::Add(user(2)));
    assert_eq!(bare("addgroup:3"), Command::Join(group(3)));
    let (name, description) = ("chess".to_owned(), "Thursdays: at eight".to_owned());
    assert_eq!(bare("creategroup:chess:Thursdays: at eight"), Command::Create { name, description });
    assert_eq!(bare("loginout"), Command::Logout);
    assert_eq!(parse_bare("chat about it"), None);
    assert_eq!(parse_bare("note: this"), None);
}

#[test]
fn every_listed_command_is_understood() {
    for spec in specs() {
        for name in spec.aliases.iter().chain([&spec.name]) {
            let arguments = match spec.name {
                "set" => "name word",
                "recall" | "seen" => "#3",
                "role" => "3 admin",
                "mute" => "3 10m",
                "end" => "3",
                _ => "3 word",
            };
            assert!(command(&format!("{name} {arguments}")).is_ok(), "{name}");
        }
    }
}

#[test]
fn a_message_is_named_by_its_number_or_not_at_all() {
    let message = |order| Command::Message(order);
    assert_eq!(order("/edit #12 to be, or not"), message(MessageOrder::Edit(Some(12), "to be, or not".into())));
    assert_eq!(order("/edit 12 monkeys"), message(MessageOrder::Edit(None, "12 monkeys".into())));
    assert_eq!(order("/recall"), message(MessageOrder::Recall(None)));
    assert_eq!(order("/recall #7"), message(MessageOrder::Recall(Some(7))));
    assert!(parse("/recall everything").unwrap_err().contains("usage"), "nothing is recalled by mistake");
    assert_eq!(order("/react #7 👍"), message(MessageOrder::React(Some(7), "👍".into())));
    assert_eq!(order("/unreact"), message(MessageOrder::Unreact(None, None)));
    assert_eq!(
        order("/reply #chess is where we meet"),
        message(MessageOrder::Reply(None, "#chess is where we meet".into()))
    );
    assert!(parse("/edit #12").unwrap_err().contains("usage"));
}

#[test]
fn a_group_is_looked_after() {
    let lea = || Target::Name(Kind::User, "lea".to_owned());
    assert_eq!(order("/kick lea"), Command::Member(lea(), MemberOrder::Kick));
    assert_eq!(order("/mute lea"), Command::Member(lea(), MemberOrder::Mute(MUTED_SECONDS)));
    assert_eq!(order("/mute lea 10m"), Command::Member(lea(), MemberOrder::Mute(600)));
    assert!(parse("/mute lea soon").is_err());
    assert_eq!(order("/unmute lea"), Command::Member(lea(), MemberOrder::Mute(0)));
    assert_eq!(order("/role lea admin"), Command::Member(lea(), MemberOrder::Role(Role::Admin)));
    assert_eq!(order("/handover lea"), Command::Member(lea(), MemberOrder::Role(Role::Creator)));
    assert_eq!(order("/set join invite"), Command::Set(Setting::Join(Join::Invite)));
    assert_eq!(order("/set about"), Command::Set(Setting::About(String::new())));
    assert!(parse("/set join everybody").is_err());
    assert_eq!(order("/accept #chess"), Command::Accept(Target::Name(Kind::Group, "chess".into())));
    assert_eq!(order("/end others"), Command::EndSessions(End::Others));
}
