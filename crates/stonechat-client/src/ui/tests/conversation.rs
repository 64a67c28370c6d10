//! What a conversation shows beside its texts: ticks, reactions, answers, numbers; and how messages are changed with keys.

use super::*;

impl Desk {
    /// The last request of this number.
    fn sent(&mut self, msgid: i64) -> Option<Value> {
        let sent = self.sent.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        sent.rev().find(|line| line["msgid"] == msgid)
    }

    fn answer(&mut self, msgid: i64, mut fields: Value) {
        let asked = self.sent(msgid).unwrap_or_else(|| panic!("no {msgid} was sent"));
        (fields["msgid"], fields["errno"], fields["tag"]) = (json!(msgid + 1), json!(0), asked["tag"].clone());
        self.line(fields);
    }

    /// One's own message to ben, as it comes from another session.
    fn mine(&mut self, seq: u64, text: &str) {
        self.line(json!({"msgid": 6, "id": 1, "name": "anna", "toid": 2, "msg": text, "time": MORNING, "seq": seq}));
    }

    fn style_of(&mut self, text: &str) -> ratatui::style::Style {
        let screen = self.screen();
        let y = screen.iter().position(|row| row.contains(text)).unwrap_or_else(|| panic!("{text}: {screen:#?}"));
        let before = &screen[y][..screen[y].find(text).unwrap()];
        let x = u16::try_from(width_of(before)).unwrap();
        self.terminal.backend().buffer()[(x, u16::try_from(y).unwrap())].style()
    }
}

fn reacted(of: u64, reaction: &str, id: u64, seq: u64) -> Value {
    json!({"msgid": 61, "id": id, "name": "x", "toid": 3 - id, "of": of, "reaction": reaction, "on": true, "seq": seq,
        "time": MORNING})
}

#[test]
fn ticks_tell_how_far_a_message_has_come_and_not_by_colour_alone() {
    let mut desk = Desk::new(80, 24);
    desk.control('n');
    for (seq, text) in [(1, "one"), (2, "two"), (3, "three")] {
        desk.mine(seq, text);
    }
    desk.assert_shows("anna: three ✓");
    desk.assert_hides("✓✓");
    desk.line(json!({"msgid": 46, "id": 2, "toid": 1, "delivered": 3, "read": 2}));
    desk.assert_shows("anna: one ✓✓");
    desk.assert_shows("anna: two ✓✓ read");
    desk.assert_shows("anna: three ✓✓");
    desk.assert_hides("three ✓✓ read");
    let (read, arrived) = (desk.style_of("✓✓ read"), desk.style_of("✓✓ read"));
    assert_eq!(read, arrived);
    assert!(read.add_modifier.contains(ratatui::style::Modifier::BOLD), "{read:?}");
}

#[test]
fn changes_show_in_their_place() {
    let mut desk = Desk::new(80, 24);
    desk.control('n');
    desk.pushed(1, "helo", MORNING);
    desk.pushed(2, "secret", MORNING);
    desk.mine(3, "what?");
    desk.line(
        json!({"msgid": 57, "id": 2, "name": "ben", "toid": 1, "of": 1, "msg": "hello", "seq": 4, "time": MORNING}),
    );
    desk.line(json!({"msgid": 59, "id": 2, "name": "ben", "toid": 1, "of": 2, "seq": 5, "time": MORNING}));
    desk.line(json!({"msgid": 46, "id": 2, "toid": 1, "read": 3}));
    desk.line(reacted(3, "👍", 2, 6));
    desk.line(reacted(1, "🎉", 1, 7));
    desk.line(reacted(1, "\u{1b}[2J", 2, 8));
    let screen = desk.screen();
    let talk: Vec<&str> = screen[15..22].iter().map(|row| row.split_once('│').unwrap().1).collect();
    assert_eq!(
        talk,
        [
            "  fetching older messages …",
            "───────────────── Saturday, 14 March 2026 ─────────────────",
            "09:26 ben: hello (edited)",
            "      [🎉 1]  ·[2J 1",
            "09:26 ben: (taken back)",
            "09:26 anna: what? ✓✓ read",
            "      👍 1",
        ],
        "{screen:#?}"
    );
}

#[test]
fn who_is_erased_has_a_number_and_no_name() {
    let mut desk = Desk::new(80, 24);
    desk.control('n');
    desk.control('n');
    desk.line(json!({"msgid": 10, "id": 9, "groupid": 3, "recalled": true, "time": MORNING, "seq": 1}));
    desk.assert_shows("09:26 user 9: (taken back)");
    let entry = json!({"id": 7, "erased": true, "last_seq": 3, "read": 0, "unread": 3});
    desk.answer(47, json!({"conversations": [entry], "more": false}));
    desk.assert_shows("user 7");
    desk.key(KeyCode::Char('a'), KeyModifiers::ALT);
    desk.assert_shows("│user 7 (account erased)");
}

#[test]
fn an_answer_shows_what_it_answers() {
    let mut desk = Desk::new(80, 24);
    desk.control('n');
    desk.pushed(1, "who brings\nthe board?", MORNING);
    desk.line(json!({"msgid": 6, "id": 2, "name": "ben", "toid": 1, "msg": "I do", "ext": {"re": 1}, "time": MORNING, "seq": 2}));
    let screen = desk.screen().join("\n");
    assert!(screen.contains("      ┌ ben: who brings the board?\n"), "{screen}");
    desk.key(KeyCode::Char('r'), KeyModifiers::ALT);
    desk.assert_shows("re ben \"I do\">");
    desk.key(KeyCode::Char('r'), KeyModifiers::ALT);
    desk.assert_shows("re ben \"who brings the boar…\">");
    desk.enter("and the clock?");
    let outgoing = desk.model.outbox.iter().next().unwrap();
    assert_eq!((outgoing.text.as_str(), outgoing.re), ("and the clock?", Some(1)));
    let screen = desk.screen();
    let at = screen.iter().position(|row| row.contains("and the clock?")).unwrap();
    assert!(screen[at - 1].contains("┌ ben: who brings the board?"), "{screen:#?}");
    desk.assert_shows("\n>");
}

#[test]
fn numbers_stand_in_place_of_times_while_a_command_takes_one() {
    let mut desk = Desk::new(80, 24);
    desk.control('n');
    desk.pushed(12, "hello", MORNING);
    desk.assert_shows("09:26 ben: hello");
    "/react #".chars().for_each(|c| assert_eq!(desk.press(KeyCode::Char(c)), None));
    desk.assert_shows("  #12 ben: hello");
    desk.control('u');
    desk.assert_shows("09:26 ben: hello");
    desk.enter("/numbers");
    desk.assert_shows("  #12 ben: hello");
    desk.enter("/numbers");
    desk.assert_shows("09:26 ben: hello");
}

#[test]
fn up_on_an_empty_line_edits_ones_last_message_and_once_more_calls_back_what_was_typed() {
    let mut desk = Desk::new(80, 24);
    desk.control('n');
    desk.enter("/who");
    desk.mine(1, "helo");
    desk.pushed(2, "hi", MORNING);
    desk.press(KeyCode::Up);
    desk.assert_shows("edit> helo");
    desk.press(KeyCode::Up);
    desk.assert_shows("> /who");
    desk.control('u');
    desk.press(KeyCode::Up);
    desk.press(KeyCode::Backspace);
    desk.press(KeyCode::Char('l'));
    desk.press(KeyCode::Char('o'));
    desk.press(KeyCode::Enter);
    let asked = desk.sent(57).unwrap();
    assert_eq!((&asked["of"], &asked["msg"]), (&json!(1), &json!("hello")));
    desk.answer(57, json!({"toid": 2, "seq": 3, "time": MORNING}));
    desk.assert_shows("anna: hello (edited) ✓✓ read");
    desk.press(KeyCode::Up);
    desk.press(KeyCode::Esc);
    desk.assert_shows("\n>");
    assert_eq!(desk.model.outbox.iter().count(), 0, "nothing new was said");
}

#[test]
fn who_is_typing_stands_in_the_bar_and_commands_no_terminal() {
    let mut desk = Desk::new(80, 24);
    desk.control('n');
    desk.line(json!({"msgid": 50, "id": 2, "name": "b\u{1b}n"}));
    desk.assert_shows("│ online │ b·n is typing …");
    desk.line(json!({"msgid": 50, "id": 8, "name": "cleo", "groupid": 3}));
    desk.assert_hides("cleo");
}

#[test]
fn typing_a_text_is_told_and_typing_a_command_is_not() {
    let mut desk = Desk::new(80, 24);
    desk.answer(47, json!({"conversations": [], "more": false}));
    desk.control('n');
    "/help".chars().for_each(|c| assert_eq!(desk.press(KeyCode::Char(c)), None));
    desk.tick();
    assert_eq!(desk.sent(50), None);
    desk.control('u');
    desk.press(KeyCode::Char('h'));
    desk.tick();
    assert_eq!(desk.sent(50), Some(json!({"msgid": 50, "id": 2})));
}

#[test]
fn a_search_covers_the_screen_with_what_it_finds() {
    let mut desk = Desk::new(80, 24);
    desk.enter("/search board");
    desk.assert_shows("0 found, searching on …");
    let found =
        json!({"msgid": 10, "id": 8, "name": "cleo", "groupid": 3, "msg": "the\nboard", "time": MORNING, "seq": 12});
    desk.answer(63, json!({"messages": [found], "more": true, "next": "n"}));
    desk.assert_shows("2026-03-14 09:26 #chess #12 cleo: the board");
    desk.assert_shows("1 found, searching on …");
    desk.answer(63, json!({"messages": [], "more": false}));
    desk.assert_shows("1 found, that is all");
    desk.press(KeyCode::Esc);
    desk.assert_hides("cleo");
    desk.enter("/search nonsense");
    desk.answer(63, json!({"messages": [], "more": false}));
    desk.assert_shows("* nothing was found");
    desk.assert_shows("\n>");
}

#[test]
fn a_new_password_is_asked_for_and_not_shown() {
    let mut desk = Desk::new(80, 24);
    desk.enter("/password");
    desk.assert_shows("Your password until now:");
    desk.enter("old secret");
    desk.enter("new secret");
    "new secret".chars().for_each(|c| assert_eq!(desk.press(KeyCode::Char(c)), None));
    desk.assert_shows("The new password once more: ••••••••••");
    desk.assert_hides("secret");
    desk.press(KeyCode::Enter);
    let asked = desk.sent(83).unwrap();
    assert_eq!((&asked["pwd"], &asked["new"]), (&json!("old secret"), &json!("new secret")));
    desk.enter("/erase");
    desk.assert_shows("Type anna to erase the account and all it has said, for good:");
    desk.enter("no");
    desk.assert_shows("nothing is erased");
    assert_eq!(desk.sent(89), None);
}

#[test]
fn muted_and_pinned_conversations_are_told_apart() {
    let mut desk = Desk::new(80, 24);
    desk.control('n');
    let chess = json!({"groupid": 3, "groupname": "chess", "total": 2, "last_seq": 500, "read": 1, "unread": 100,
        "muted": true, "pinned": true});
    desk.answer(47, json!({"conversations": [chess], "more": false}));
    assert!(desk.screen()[0].starts_with("# chess       ▴ 99+│"), "{:#?}", desk.screen());
    desk.key(KeyCode::Char('a'), KeyModifiers::ALT);
    desk.assert_shows("│ben (online)");
}

#[test]
fn tab_completes_reactions() {
    let mut desk = Desk::new(80, 24);
    "/react he".chars().for_each(|c| assert_eq!(desk.press(KeyCode::Char(c)), None));
    desk.press(KeyCode::Tab);
    desk.assert_shows("> /react heart");
    desk.control('u');
    "hello @b".chars().for_each(|c| assert_eq!(desk.press(KeyCode::Char(c)), None));
    desk.press(KeyCode::Tab);
    desk.assert_shows("> hello @ben");
}
