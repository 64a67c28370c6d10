//! The input line: editing by what a reader sees as one character, what was typed before, completion.

use unicode_segmentation::UnicodeSegmentation;

use crate::text_width::width;

/// Lines that can be called back.
const REMEMBERED_MAX: usize = 200;

/// The line being typed.
#[derive(Debug, Default)]
pub(crate) struct Input {
    text: String,
    /// In bytes; always between two graphemes.
    cursor: usize,
    remembered: Vec<String>,
    /// Which remembered line is shown, and what had been typed before.
    recalled: Option<(usize, String)>,
    completion: Option<Completion>,
}

/// Several words that could stand here; Tab goes through them.
#[derive(Debug)]
struct Completion {
    start: usize,
    words: Vec<String>,
    next: usize,
}

impl Input {
    /// What is typed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The part of the line that fits into so many cells around the cursor, and the cursor's cell in it.
    pub(crate) fn visible(&self, cells: usize) -> (String, usize) {
        self.visible_as(cells, &|grapheme| grapheme.to_owned())
    }

    /// The same for what nobody should read.
    pub(crate) fn hidden(&self, cells: usize) -> (String, usize) {
        self.visible_as(cells, &|_| "•".to_owned())
    }

    fn visible_as(&self, cells: usize, show: &dyn Fn(&str) -> String) -> (String, usize) {
        let shown = |text: &str| -> Vec<String> {
            text.graphemes(true)
                .map(|grapheme| if grapheme == "\n" { "↵".to_owned() } else { show(grapheme) })
                .collect()
        };
        let (before, after) = (shown(&self.text[..self.cursor]), shown(&self.text[self.cursor..]));
        let room = cells.saturating_sub(1);
        let mut start = before.len();
        let mut used = 0;
        while start > 0 && used + width(&before[start - 1]) <= room {
            start -= 1;
            used += width(&before[start]);
        }
        let mut line = before[start..].concat();
        for grapheme in after {
            if width(&line) + width(&grapheme) > cells {
                break;
            }
            line.push_str(&grapheme);
        }
        (line, used)
    }

    /// Takes the line, and remembers it.
    pub(crate) fn take(&mut self) -> String {
        let text = self.take_secret();
        if !text.trim().is_empty() && self.remembered.last() != Some(&text) {
            self.remembered.push(text.clone());
        }
        if self.remembered.len() > REMEMBERED_MAX {
            self.remembered.remove(0);
        }
        text
    }

    /// Takes the line, and forgets it.
    pub(crate) fn take_secret(&mut self) -> String {
        self.cursor = 0;
        self.recalled = None;
        self.completion = None;
        std::mem::take(&mut self.text)
    }

    /// Types a text at the cursor.
    pub(crate) fn insert(&mut self, text: &str) {
        self.completion = None;
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
    }

    /// One step to the left.
    pub(crate) fn left(&mut self) {
        self.completion = None;
        self.cursor = self.before_cursor();
    }

    /// One step to the right.
    pub(crate) fn right(&mut self) {
        self.completion = None;
        self.cursor = self.after_cursor();
    }

    /// To the beginning.
    pub(crate) fn home(&mut self) {
        self.completion = None;
        self.cursor = 0;
    }

    /// To the end.
    pub(crate) fn end(&mut self) {
        self.completion = None;
        self.cursor = self.text.len();
    }

    /// To the beginning of the word before.
    pub(crate) fn word_left(&mut self) {
        self.cursor = self.word_start();
    }

    /// To the end of the word after.
    pub(crate) fn word_right(&mut self) {
        let rest = &self.text[self.cursor..];
        let blanks = rest.len() - rest.trim_start().len();
        let word = rest[blanks..].find(' ').unwrap_or(rest.len() - blanks);
        self.cursor += blanks + word;
    }

    /// Deletes what stands before the cursor.
    pub(crate) fn backspace(&mut self) {
        self.delete(self.before_cursor(), self.cursor);
    }

    /// Deletes what stands at the cursor.
    pub(crate) fn delete_at(&mut self) {
        self.delete(self.cursor, self.after_cursor());
    }

    /// Deletes the word before the cursor.
    pub(crate) fn delete_word(&mut self) {
        self.delete(self.word_start(), self.cursor);
    }

    /// Deletes all before the cursor.
    pub(crate) fn delete_to_start(&mut self) {
        self.delete(0, self.cursor);
    }

    /// Deletes all after the cursor.
    pub(crate) fn delete_to_end(&mut self) {
        self.delete(self.cursor, self.text.len());
    }

    /// Calls back the line before.
    pub(crate) fn older(&mut self) {
        let (at, typed) = self.recalled.take().unwrap_or_else(|| (self.remembered.len(), self.text.clone()));
        let at = at.saturating_sub(1);
        if let Some(line) = self.remembered.get(at) {
            self.text.clone_from(line);
            self.recalled = Some((at, typed));
        }
        self.end();
    }

    /// Calls back the line after; in the end what was being typed.
    pub(crate) fn newer(&mut self) {
        let Some((at, typed)) = self.recalled.take() else { return };
        match self.remembered.get(at + 1) {
            Some(line) => {
                self.text.clone_from(line);
                self.recalled = Some((at + 1, typed));
            }
            None => self.text = typed,
        }
        self.end();
    }

    /// Completes the word before the cursor, which begins where `begins` says of the text before it; the next call takes the next of the words.
    pub(crate) fn complete(
        &mut self,
        begins: impl FnOnce(&str) -> usize,
        words: impl FnOnce(usize, &str) -> Vec<String>,
    ) {
        let mut completion = self.completion.take().unwrap_or_else(|| {
            let before = &self.text[..self.cursor];
            let start = begins(before);
            let word = &before[start..];
            Completion { start, words: words(start, word), next: 0 }
        });
        let Some(word) = completion.words.get(completion.next) else { return };
        self.text.replace_range(completion.start..self.cursor, word);
        self.cursor = completion.start + word.len();
        completion.next = (completion.next + 1) % completion.words.len();
        self.completion = Some(completion);
    }

    fn delete(&mut self, from: usize, to: usize) {
        self.completion = None;
        self.text.replace_range(from..to, "");
        self.cursor = from;
    }

    fn before_cursor(&self) -> usize {
        self.text[..self.cursor].grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn after_cursor(&self) -> usize {
        self.cursor + self.text[self.cursor..].graphemes(true).next().map_or(0, str::len)
    }

    fn word_start(&self) -> usize {
        let before = self.text[..self.cursor].trim_end();
        before.rfind(' ').map_or(0, |blank| blank + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Input {
        let mut input = Input::default();
        input.insert(text);
        input
    }

    #[test]
    fn a_family_of_emoji_is_one_character() {
        let mut input = typed("a👩‍👩‍👧é");
        input.left();
        input.backspace();
        assert_eq!(input.text(), "aé");
        input.left();
        input.delete_at();
        input.delete_at();
        input.delete_at();
        assert_eq!(input.text(), "");
        input.backspace();
    }

    #[test]
    fn words_are_skipped_and_deleted() {
        let mut input = typed("one two  three");
        input.delete_word();
        assert_eq!(input.text(), "one two  ");
        input.word_left();
        input.insert("x");
        assert_eq!(input.text(), "one xtwo  ");
        input.home();
        input.word_right();
        input.delete_to_end();
        assert_eq!(input.text(), "one");
        input.delete_to_start();
        assert_eq!(input.text(), "");
    }

    #[test]
    fn what_was_typed_comes_back() {
        let mut input = typed("first");
        input.take();
        input.insert("second");
        input.take();
        input.insert("half");
        input.older();
        input.older();
        input.older();
        assert_eq!(input.text(), "first");
        input.newer();
        input.newer();
        assert_eq!(input.text(), "half");
        input.take_secret();
        input.older();
        assert_eq!(input.text(), "second", "a secret is not remembered");
    }

    #[test]
    fn tab_goes_through_the_words() {
        let mut input = typed("hi a");
        let words = |_: usize, word: &str| {
            assert_eq!(word, "a");
            vec!["anna ".to_owned(), "albert ".to_owned()]
        };
        input.complete(|_| 3, words);
        assert_eq!(input.text(), "hi anna ");
        input.complete(|_| unreachable!(), |_, _| unreachable!());
        assert_eq!(input.text(), "hi albert ");
        input.complete(|_| unreachable!(), |_, _| unreachable!());
        assert_eq!(input.text(), "hi anna ");
        input.insert("x");
        input.complete(|_| 0, |_, _| Vec::new());
        assert_eq!(input.text(), "hi anna x");
    }

    #[test]
    fn a_long_line_shows_the_part_around_the_cursor() {
        let mut input = typed("日本語日本語");
        assert_eq!(input.visible(7), ("日本語".to_owned(), 6));
        assert_eq!(input.hidden(20), ("••••••".to_owned(), 6));
        input.home();
        assert_eq!(input.visible(7), ("日本語".to_owned(), 0));
    }
}
