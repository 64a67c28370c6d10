//! The screen as a whole: keys in, cells out. No terminal.
#![expect(clippy::needless_pass_by_value, reason = "lines are written in place with json!")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{Event as Key, KeyCode, KeyEvent, KeyModifiers};
use serde_json::{Value, json};
use stonechat_protocol::body;
use stonechat_protocol::ids::UserId;

use super::*;
use crate::command::specs;
use crate::model::{Account, Effect, Event, Outbox};

mod conversation;

/// A screen with a client that is online as anna, with a friend and a group.
struct Desk {
    ui: Ui,
    model: Model,
    now: Instant,
    terminal: Terminal<TestBackend>,
    /// Lines to the server.
    sent: Vec<String>,
}

impl Desk {
    fn new(width: u16, height: u16) -> Self {
        let account =
            Account { name: "anna".into(), id: UserId::new(1), token: Some("t".into()), ..Account::default() };
        #[expect(clippy::disallowed_methods, reason = "a beginning; the test moves the time itself")]
        let now = Instant::now();
        let model = Model::new(account, Outbox::default(), BTreeMap::new(), 42);
        let terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let mut desk = Self { ui: Ui::new(Zone::default()), model, now, terminal, sent: Vec::new() };
        desk.model.connect();
        desk.handle(Event::Connected);
        desk.line(json!({"msgid": 2, "errno": 0, "tag": 1, "id": 1, "name": "anna", "token": "t",
            "friends": [{"id": 2, "name": "ben", "state": "online"}],
            "groups": [{"id": 3, "groupname": "chess", "groupdesc": "Thursdays", "users": []}]}));
        desk.ui.notes.clear();
        desk
    }

    fn handle(&mut self, event: Event) {
        self.model.handle(event, self.now);
        self.tell();
    }

    fn line(&mut self, line: Value) {
        self.handle(Event::Line(line.to_string()));
    }

    fn pushed(&mut self, seq: u64, text: &str, time: &str) {
        self.line(json!({"msgid": 6, "id": 2, "name": "ben", "toid": 1, "msg": text, "time": time, "seq": seq}));
    }

    fn tell(&mut self) {
        for effect in self.model.take_effects() {
            match effect {
                Effect::Tell(news) => self.ui.news(&mut self.model, news),
                Effect::Send(line) => self.sent.push(line),
                _ => {}
            }
        }
    }

    fn tick(&mut self) {
        self.model.tick(self.now);
        self.tell();
    }

    fn key(&mut self, code: KeyCode, modifiers: KeyModifiers) -> Option<Wish> {
        let event = Key::Key(KeyEvent::new(code, modifiers));
        let wish = self.ui.handle(&mut self.model, event, UnixMs(1_773_480_500_000));
        self.tell();
        wish
    }

    fn press(&mut self, code: KeyCode) -> Option<Wish> {
        self.key(code, KeyModifiers::NONE)
    }

    fn control(&mut self, c: char) -> Option<Wish> {
        self.key(KeyCode::Char(c), KeyModifiers::CONTROL)
    }

    fn enter(&mut self, text: &str) -> Option<Wish> {
        text.chars().for_each(|c| assert_eq!(self.press(KeyCode::Char(c)), None));
        self.press(KeyCode::Enter)
    }

    fn screen(&mut self) -> Vec<String> {
        let (ui, model, now) = (&mut self.ui, &self.model, self.now);
        self.terminal.draw(|frame| draw(frame, ui, model, "host:8000", now)).unwrap();
        let buffer = self.terminal.backend().buffer();
        let row = |y: u16| -> String {
            let mut text = String::new();
            let mut x = 0;
            while x < buffer.area.width {
                let symbol = buffer[(x, y)].symbol();
                text.push_str(symbol);
                x += u16::try_from(width_of(symbol)).unwrap().max(1);
            }
            text.trim_end().to_owned()
        };
        (0..buffer.area.height).map(row).collect()
    }

    #[track_caller]
    fn assert_shows(&mut self, text: &str) {
        let screen = self.screen().join("\n");
        assert!(screen.contains(text), "{text:?} is not on the screen:\n{screen}");
    }

    #[track_caller]
    fn assert_hides(&mut self, text: &str) {
        let screen = self.screen().join("\n");
        assert!(!screen.contains(text), "{text:?} is on the screen:\n{screen}");
    }
}

fn width_of(symbol: &str) -> usize {
    crate::text_width::width(symbol)
}

const MORNING: &str = "2026-03-14T09:26:53.589Z";

#[test]
fn a_conversation_at_80_by_24() {
    let mut desk = Desk::new(80, 24);
    desk.pushed(1, "hello, anna", "2026-03-13T09:26:53.589Z");
    desk.control('n');
    desk.pushed(2, "日本語 😀", MORNING);
    desk.enter("hello, ben");
    let screen = desk.screen();
    let talk = &screen[17..];
    assert_eq!(
        talk,
        [
            "                   │────────────────── Friday, 13 March 2026 ──────────────────",
            "                   │09:26 ben: hello, anna",
            "                   │───────────────── Saturday, 14 March 2026 ─────────────────",
            "                   │09:26 ben: 日本語 😀",
            "                   │09:28 anna: hello, ben … sending",
            " anna @ host:8000 │ online │ 1 sending",
            ">",
        ],
        "{screen:#?}"
    );
    assert_eq!(screen[0], "● ben              │ben (online)");
    assert_eq!(screen[1], "# chess            │");
}

#[test]
fn own_messages_show_their_state() {
    let mut desk = Desk::new(80, 24);
    desk.control('n');
    desk.enter("first");
    desk.enter("second");
    desk.model.tick(desk.now);
    let cids: Vec<String> = desk.model.outbox.iter().map(|outgoing| outgoing.cid.clone()).collect();
    desk.line(json!({"msgid": 11, "errno": 0, "tag": cids[0], "toid": 2, "seq": 1, "time": MORNING}));
    desk.line(json!({"msgid": 11, "errno": 403, "errmsg": "friends only", "tag": cids[1]}));
    desk.assert_shows("anna: first ✓");
    desk.assert_shows("anna: second ✗ failed: friends only (Ctrl-R: again)");
    desk.assert_shows("1 failed");
    desk.control('r');
    desk.assert_shows("anna: second … sending");
}

#[test]
fn unread_messages_are_counted_and_the_line_stands_above_them() {
    let mut desk = Desk::new(80, 24);
    desk.control('n');
    desk.pushed(1, "read", MORNING);
    desk.control('n');
    desk.pushed(2, "not read", MORNING);
    desk.pushed(3, "nor this", MORNING);
    assert_eq!(desk.screen()[0], "● ben             2│#chess  Thursdays");
    desk.key(KeyCode::Char('a'), KeyModifiers::ALT);
    let screen = desk.screen();
    let row = |text: &str| screen.iter().position(|row| row.contains(text)).unwrap_or_else(|| panic!("{screen:#?}"));
    assert!(row("ben: read") < row("─ new ─") && row("─ new ─") < row("not read"), "{screen:#?}");
    desk.enter("seen");
    desk.assert_hides("─ new ─");
}

#[test]
fn a_lost_connection_counts_down() {
    let mut desk = Desk::new(80, 24);
    desk.handle(Event::Lost("connection refused".into()));
    desk.assert_shows("no connection, again in 1 s (connection refused)");
    desk.now += Duration::from_secs(5);
    desk.model.tick(desk.now);
    desk.assert_shows("connecting …");
}

#[test]
fn a_password_is_not_shown_and_not_remembered() {
    let mut desk = Desk::new(80, 24);
    assert_eq!(desk.enter("/login cleo"), Some(Wish::Switch("cleo".to_owned())));
    desk.ui.ask_password("cleo", Purpose::LogIn);
    "secret".chars().for_each(|c| assert_eq!(desk.press(KeyCode::Char(c)), None));
    desk.assert_shows("Password of cleo: ••••••");
    desk.assert_hides("secret");
    let wish = desk.press(KeyCode::Enter);
    let (name, password) = ("cleo".to_owned(), "secret".to_owned());
    assert_eq!(wish, Some(Wish::Login { name, password, purpose: Purpose::LogIn }));
    desk.press(KeyCode::Up);
    desk.assert_shows("> /login cleo");
}

#[test]
fn many_pasted_lines_are_asked_about() {
    let mut desk = Desk::new(80, 24);
    desk.control('n');
    let paste = |desk: &mut Desk, text: &str| desk.ui.handle(&mut desk.model, Key::Paste(text.into()), UnixMs(0));
    paste(&mut desk, "one line\n");
    desk.assert_shows("> one line");
    desk.control('u');
    paste(&mut desk, "one\r\ntwo\r\n");
    desk.assert_shows("Send these 2 lines (\"one\") to ben?");
    desk.press(KeyCode::Esc);
    assert_eq!(desk.model.outbox.iter().count(), 0);
    paste(&mut desk, "one\ntwo");
    desk.press(KeyCode::Enter);
    assert_eq!(desk.model.outbox.iter().next().unwrap().text, "one\ntwo");
}

#[test]
fn tab_completes_commands_and_names() {
    let mut desk = Desk::new(80, 24);
    "/ch".chars().for_each(|c| assert_eq!(desk.press(KeyCode::Char(c)), None));
    desk.press(KeyCode::Tab);
    desk.assert_shows("> /chat");
    "#c".chars().for_each(|c| assert_eq!(desk.press(KeyCode::Char(c)), None));
    desk.press(KeyCode::Tab);
    desk.assert_shows("> /chat #chess");
    desk.press(KeyCode::Enter);
    desk.assert_shows("#chess  Thursdays");
    desk.press(KeyCode::Char('b'));
    desk.press(KeyCode::Tab);
    desk.assert_shows("> ben:");
}

#[test]
fn tab_completes_names_that_have_to_be_quoted() {
    let mut desk = Desk::new(80, 24);
    let names = [(7, "1234"), (8, "#lea"), (9, "two words"), (10, "say \"hi\"")];
    let friend = |(id, name): (i64, &str)| body::Friend {
        id: UserId::new(id).unwrap(),
        name: name.to_owned(),
        state: body::Presence::Offline,
        ext: None,
    };
    desk.model.roster.set_friends(names.into_iter().map(friend).collect());
    for (typed, completed) in [
        ("/chat 12", "> /chat \"1234\""),
        ("/chat \"12", "> /chat \"1234\""),
        ("/chat #le", "> /chat \"#lea\""),
        ("/chat \"#l", "> /chat \"#lea\""),
        ("/chat tw", "> /chat \"two words\""),
        ("/chat \"two w", "> /chat \"two words\""),
        ("/chat say", "> /chat \"say \\\"hi\\\"\""),
        ("hello tw", "> hello two words"),
    ] {
        typed.chars().for_each(|c| assert_eq!(desk.press(KeyCode::Char(c)), None));
        desk.press(KeyCode::Tab);
        desk.assert_shows(completed);
        desk.control('u');
    }
}

#[test]
fn who_scrolled_up_stays_there_while_messages_come() {
    let mut desk = Desk::new(80, 24);
    desk.control('n');
    for seq in 1..=60 {
        desk.pushed(seq, &format!("message {seq}."), MORNING);
    }
    desk.assert_shows("message 60.");
    desk.press(KeyCode::PageUp);
    desk.assert_hides("message 60.");
    let before = desk.screen();
    desk.pushed(61, "news", MORNING);
    assert_eq!(desk.screen()[1..20], before[1..20]);
    desk.assert_shows("more below");
    desk.press(KeyCode::PageDown);
    desk.press(KeyCode::PageDown);
    desk.assert_shows("ben: news");
}

#[test]
fn help_lists_every_command_and_the_keys() {
    let mut desk = Desk::new(80, 24);
    desk.enter("/help");
    let mut seen = desk.screen().join("\n");
    for _ in 0..6 {
        desk.press(KeyCode::PageDown);
        seen += &desk.screen().join("\n");
    }
    for spec in specs() {
        assert!(
            seen.contains(&format!("/{} ", spec.name)) && seen.contains(spec.what.split(',').next().unwrap()),
            "/{}:\n{seen}",
            spec.name
        );
    }
    assert!(seen.contains("Ctrl-N"), "{seen}");
    desk.press(KeyCode::Esc);
    desk.assert_hides("/delgroup");
}

#[test]
fn nobody_commands_the_terminal_of_another() {
    let mut desk = Desk::new(80, 24);
    desk.control('n');
    desk.pushed(1, "a\u{1b}[2Jb\u{7}", MORNING);
    desk.assert_shows("ben: a·[2Jb·");
}

#[test]
fn any_size_is_drawn() {
    for (width, height) in [(1, 1), (2, 3), (10, 4), (49, 10), (51, 12), (80, 24), (250, 70)] {
        let mut desk = Desk::new(width, height);
        desk.control('n');
        for seq in 1..=5 {
            desk.pushed(seq, "日本語の文字列です 👩‍👩‍👧 and words", MORNING);
        }
        desk.enter("mine, and long enough to be wrapped more than once on a small screen");
        desk.enter("/help");
        desk.screen();
        desk.press(KeyCode::Esc);
        desk.screen();
        desk.press(KeyCode::PageUp);
        desk.screen();
    }
}

#[test]
fn ctrl_c_clears_first_and_ends_only_when_repeated() {
    let mut desk = Desk::new(80, 24);
    desk.press(KeyCode::Char('x'));
    assert_eq!(desk.control('c'), None);
    assert_eq!(desk.control('c'), None);
    desk.assert_shows("Ctrl-C once more ends");
    desk.press(KeyCode::Left);
    assert_eq!(desk.control('c'), None);
    assert_eq!(desk.control('c'), Some(Wish::Quit));
}

#[test]
fn the_manual_shows_the_screen_as_it_is() {
    let mut desk = Desk::new(78, 14);
    let chess = Peer::Group(stonechat_protocol::ids::GroupId::new(3).unwrap());
    let said = |id: u64, name: &str, text: &str, seq: u64, time: &str| json!({"msgid": 10, "id": id, "name": name, "groupid": 3, "msg": text, "seq": seq, "time": time});
    desk.line(said(8, "cleo", "who brings the board?", 1, "2026-03-13T18:02:00.000Z"));
    let mut answer = said(1, "anna", "I do", 2, "2026-03-13T18:05:00.000Z");
    answer["ext"] = json!({"re": 1});
    desk.line(answer);
    for (id, seq) in [(8, 3), (2, 4)] {
        desk.line(
            json!({"msgid": 61, "id": id, "name": "x", "groupid": 3, "of": 2, "reaction": "👍", "on": true, "seq": seq,
            "time": "2026-03-13T18:06:00.000Z"}),
        );
    }
    desk.model.show(Some(chess));
    desk.control('n');
    desk.line(said(8, "cleo", "日本のルールで?", 5, MORNING));
    desk.line(json!({"msgid": 57, "id": 8, "name": "cleo", "groupid": 3, "of": 5, "msg": "日本のルールで? 😀", "seq": 6, "time": MORNING}));
    desk.pushed(1, "hello", MORNING);
    desk.handle(Event::Lost("connection reset".into()));
    desk.ui.notes.clear();
    desk.model.say(chess, "yes", UnixMs(1_773_480_500_000));
    desk.control('n');
    desk.pushed(2, "anna?", "2026-03-14T09:29:00.000Z");
    let manual = include_str!("../../../../../docs/client.md");
    for row in desk.screen() {
        let screen = desk.screen().join("\n    ");
        assert!(manual.contains(&format!("    {row}\n")), "{row:?} is not in the picture:\n    {screen}");
    }
}
