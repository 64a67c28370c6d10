//! Text measured in cells of the terminal: CJK and emoji take two, marks that combine take none.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The cells a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The beginning of a text that fits into so many cells, with `…` when something is cut off.
pub(crate) fn cut(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let mut kept = String::new();
    for grapheme in text.graphemes(true) {
        if width(&kept) + width(grapheme) + 1 > cells {
            break;
        }
        kept.push_str(grapheme);
    }
    if cells > 0 {
        kept.push('…');
    }
    kept
}

/// Breaks a text into lines of at most so many cells, at blanks where there are any. `first` is the room of the first
/// line; what a newline begins is a line of its own.
pub(crate) fn wrap(text: &str, first: usize, cells: usize) -> Vec<String> {
    let cells = cells.max(2);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut room = first.max(2);
    for (number, paragraph) in text.split('\n').enumerate() {
        if number > 0 {
            lines.push(std::mem::take(&mut line));
            room = cells;
        }
        for word in paragraph.split_word_bounds() {
            if width(&line) + width(word) <= room {
                line.push_str(word);
                continue;
            }
            if !line.trim().is_empty() {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
                room = cells;
            }
            if word.trim().is_empty() {
                continue;
            }
            for grapheme in word.graphemes(true) {
                if width(&line) + width(grapheme) > room {
                    lines.push(std::mem::take(&mut line));
                    room = cells;
                }
                line.push_str(grapheme);
            }
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_at_blanks_and_within_long_words() {
        assert_eq!(wrap("the quick brown fox", 10, 10), ["the quick", "brown fox"]);
        assert_eq!(wrap("abcdefghijkl", 5, 5), ["abcde", "fghij", "kl"]);
        assert_eq!(wrap("a\n\nb", 5, 5), ["a", "", "b"]);
        assert_eq!(wrap("ab cd", 2, 10), ["ab", "cd"]);
        assert_eq!(wrap("", 5, 5), [""]);
    }

    #[test]
    fn wide_characters_never_stick_out() {
        for text in ["日本語の文字列です", "a😀b😀c😀d😀", "👩‍👩‍👧‍👦👩‍👩‍👧‍👦", "e\u{301}e\u{301}e\u{301}"]
        {
            for cells in 2..12 {
                for line in wrap(text, cells, cells) {
                    assert!(width(&line) <= cells, "{line:?} in {cells}");
                }
                assert_eq!(wrap(text, cells, cells).concat(), text);
            }
            assert!(width(&cut(text, 5)) <= 5);
        }
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("abc", 3), "abc");
    }
}
