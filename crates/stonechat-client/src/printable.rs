//! Text of others made fit for a terminal: no escape sequence, no control character, no reordering of the line.

/// The same text with everything that would command the terminal shown as `·`. Newlines are kept.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|c| *c != '\r').map(|c| if is_harmless(c) { c } else { '·' }).collect()
}

/// The same on one line.
pub(crate) fn printable_line(text: &str) -> String {
    printable(text).replace('\n', " ")
}

fn is_harmless(c: char) -> bool {
    let reorders = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
    c == '\n' || !(c.is_control() || reorders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_commands_the_terminal_of_another() {
        assert_eq!(printable("a\x1b]0;owned\x07b\u{9b}2J"), "a·]0;owned·b·2J");
        assert_eq!(printable("abc\u{202e}fdp.exe"), "abc·fdp.exe");
        assert_eq!(printable("日本 👩‍👩‍👧 é\r\nok"), "日本 👩‍👩‍👧 é\nok");
        assert_eq!(printable_line("a\nb"), "a b");
    }
}
