//! A translated document has what the English one has: headings, commands, tables, lists, links.
//!
//! `NAME.zh.md` is the translation of `NAME.md` beside it. What both languages share is compared, section by section.
//! Markdown is read line by line, as far as these documents use it: code stands between fences, or four blanks to the
//! right behind an empty line; a row of a table begins with `|`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// How a translation's name ends.
const TRANSLATED: &str = ".zh.md";

/// The folders that have documents, from the repository's root.
const FOLDERS: [&str; 2] = ["", "docs/"];

#[test]
fn a_translation_has_what_the_original_has() {
    let translations: Vec<String> = FOLDERS.iter().flat_map(|folder| translations_in(folder)).collect();
    assert!(translations.iter().any(|path| path == "README.zh.md"), "the README's translation is not there");
    let compare = |path: &String| differences(&open(&path.replace(TRANSLATED, ".md")), &open(path));
    let found: Vec<String> = translations.iter().flat_map(compare).collect();
    assert!(found.is_empty(), "a document and its translation differ:\n{}", found.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn translations_in(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
    let names = entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(TRANSLATED)).map(|name| format!("{folder}{name}")).collect()
}

fn open(path: &str) -> Document {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"));
    Document::parse(path, &text)
}

/// A document, cut at its headings.
struct Document {
    /// From the repository's root.
    path: String,
    /// What stands in front of all headings comes first.
    sections: Vec<Section>,
}

/// A heading and what stands below it, down to the next heading of any level.
#[derive(Default)]
struct Section {
    /// With its `#`s.
    heading: String,
    /// The heading's line, from 1.
    at: usize,
    code: Vec<Block>,
    /// All lines that are no code, the heading too.
    text: Vec<Line>,
}

/// A piece of code: all between two fences, or indented lines without an empty one.
struct Block {
    /// What stands behind the first fence.
    language: String,
    lines: Vec<Line>,
}

#[derive(Clone)]
struct Line {
    /// From 1.
    at: usize,
    text: String,
}

/// Where in a document a line stands, as far as the next line's meaning depends on it.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// Behind an empty line.
    Gap,
    Text,
    Indented,
    Fenced,
}

impl Document {
    fn parse(path: &str, text: &str) -> Self {
        let mut document = Self { path: path.to_owned(), sections: vec![Section::default()] };
        let mut place = Place::Gap;
        for (at, text) in (1..).zip(text.lines()) {
            place = document.take(place, Line { at, text: text.to_owned() });
        }
        assert!(place != Place::Fenced, "{path}: the last fence is not closed");
        document
    }

    /// Files a line that stands behind that place, and says which place the next one stands behind.
    fn take(&mut self, place: Place, line: Line) -> Place {
        let fence = line.text.trim_start().strip_prefix("```");
        let is_indented = line.text.starts_with("    ") && !line.text.trim().is_empty();
        match (place, fence) {
            (Place::Fenced, Some(_)) => Place::Gap,
            (Place::Fenced, None) => {
                self.last_block().lines.push(line);
                Place::Fenced
            }
            (_, Some(language)) => {
                let block = Block { language: language.to_owned(), lines: Vec::new() };
                self.last_section().code.push(block);
                Place::Fenced
            }
            (Place::Gap, None) if is_indented => {
                self.last_section().code.push(Block { language: String::new(), lines: vec![line] });
                Place::Indented
            }
            (Place::Indented, None) if is_indented => {
                self.last_block().lines.push(line);
                Place::Indented
            }
            _ => self.take_text(line),
        }
    }

    fn take_text(&mut self, line: Line) -> Place {
        if level(&line.text) > 0 {
            self.sections.push(Section { heading: line.text.clone(), at: line.at, ..Section::default() });
        }
        let place = if line.text.trim().is_empty() { Place::Gap } else { Place::Text };
        self.last_section().text.push(line);
        place
    }

    fn last_section(&mut self) -> &mut Section {
        self.sections.last_mut().expect("there is one from the beginning")
    }

    fn last_block(&mut self) -> &mut Block {
        self.last_section().code.last_mut().expect("a line of code comes behind the one that made its block")
    }

    /// Where a section's links lead. A link to a translation counts as one to the original, a link to a heading of the
    /// same document as one to the heading's number.
    fn links(&self, section: &Section) -> BTreeSet<String> {
        let text = section.joined();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let translate = |target: &str| match target.strip_prefix('#') {
            Some(name) => match self.sections.iter().position(|other| anchor(&other.heading) == name) {
                Some(number) => format!("to heading {number}"),
                None => format!("{target} (no heading has that name)"),
            },
            None => target.replace(TRANSLATED, ".md"),
        };
        targets.map(translate).collect()
    }
}

impl Section {
    fn joined(&self) -> String {
        self.text.iter().map(|line| line.text.as_str()).collect::<Vec<&str>>().join("\n")
    }

    /// What stands between backticks.
    fn words_of_code(&self) -> BTreeSet<String> {
        let in_one_line = |word: &str| word.split_whitespace().collect::<Vec<&str>>().join(" ");
        self.joined().split('`').skip(1).step_by(2).map(in_one_line).collect()
    }

    /// The rows of each table.
    fn tables(&self) -> Vec<Vec<Line>> {
        let mut tables: Vec<Vec<Line>> = Vec::new();
        for row in self.text.iter().filter(|line| line.text.starts_with('|')) {
            match tables.last_mut() {
                Some(table) if table.last().is_some_and(|before| before.at + 1 == row.at) => table.push(row.clone()),
                _ => tables.push(vec![row.clone()]),
            }
        }
        tables
    }

    /// The points of all lists.
    fn points(&self) -> usize {
        let is_point = |text: &str| {
            let behind_number = text.trim_start_matches(|c: char| c.is_ascii_digit());
            text.starts_with("- ") || (behind_number.len() < text.len() && behind_number.starts_with(". "))
        };
        self.text.iter().filter(|line| is_point(line.text.trim_start())).count()
    }
}

/// How many `#` a heading begins with; 0 for other lines.
fn level(line: &str) -> usize {
    let name = line.trim_start_matches('#');
    if name.starts_with(' ') { line.len() - name.len() } else { 0 }
}

/// The name by which links reach a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let name = heading.trim_start_matches('#').trim().to_lowercase();
    name.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c)).collect::<String>().replace(' ', "-")
}

/// A line of code, and its comment: a `#` at the beginning or behind a blank, and what follows.
fn split_comment(line: &str) -> (&str, &str) {
    let is_comment = |at: &usize| line[..*at].chars().next_back().is_none_or(char::is_whitespace);
    let at = line.match_indices('#').map(|(at, _)| at).find(is_comment);
    line.split_at(at.unwrap_or(line.len()))
}

/// Whether two lines of code are the same, byte for byte. Only a comment may differ, and only if it is translated, that
/// is, not ASCII: a setting that is commented out stays as it is.
fn is_same_code(original: &str, translated: &str) -> bool {
    let ((code, comment), (other_code, other_comment)) = (split_comment(original), split_comment(translated));
    let is_translated = !comment.is_empty() && !other_comment.is_ascii();
    code == other_code && (comment == other_comment || is_translated)
}

fn has_same_columns(row: &str, other: &str) -> bool {
    let columns = |row: &str| row.replace("\\|", "").matches('|').count();
    columns(row) == columns(other)
}

/// Each in a line. If the translation has more or fewer headings, only the first place that does not fit is told, for
/// behind it nothing fits.
fn differences(original: &Document, translation: &Document) -> Vec<String> {
    let (here, there) = (translation.sections.len(), original.sections.len());
    let (mut found, mut fitting) = (Vec::new(), 0);
    for (section, translated) in original.sections.iter().zip(&translation.sections) {
        let sections = Sections { original, section, translation, translated };
        let levels_differ = level(&section.heading) != level(&translated.heading);
        found.extend(if levels_differ { vec![sections.headings()] } else { sections.differences() });
        if levels_differ || (here != there && !found.is_empty()) {
            break;
        }
        fitting += 1;
    }
    if here != there {
        // The extra section is where they part, or only its heading is extra, and it is the next one.
        let longer = if here > there { translation } else { original };
        let extra = longer.sections.iter().skip(fitting).take(2).map(|section| format!("`{}`", section.heading));
        let extra = extra.collect::<Vec<String>>().join(" or ");
        let counts = format!("{} has {} headings, {} has {}", translation.path, here - 1, original.path, there - 1);
        found.insert(0, format!("{counts}: look at {extra} of {}", longer.path));
    }
    found
}

/// Two sections of the same number.
struct Sections<'a> {
    original: &'a Document,
    section: &'a Section,
    translation: &'a Document,
    translated: &'a Section,
}

impl Sections<'_> {
    /// `README.zh.md:12`.
    fn here(&self, at: usize) -> String {
        format!("{}:{at}", self.translation.path)
    }

    /// `README.md:12`.
    fn there(&self, at: usize) -> String {
        format!("{}:{at}", self.original.path)
    }

    /// A difference that has no line of its own.
    fn below(&self, difference: &str) -> String {
        format!("{} below `{}`: {difference}", self.here(self.translated.at), self.translated.heading)
    }

    fn headings(&self) -> String {
        let (here, there) = (self.here(self.translated.at), self.there(self.section.at));
        format!("{here} has the heading `{}`, {there} has `{}`", self.translated.heading, self.section.heading)
    }

    fn differences(&self) -> Vec<String> {
        let mut found = self.in_code();
        found.extend(self.in_tables());
        let (points, translated) = (self.section.points(), self.translated.points());
        if points != translated {
            found.push(self.below(&format!("{translated} points of lists instead of {points}")));
        }
        let (links, translated) = (self.original.links(self.section), self.translation.links(self.translated));
        found.extend(self.in_sets("link", &links, &translated));
        found.extend(self.in_sets("code", &self.section.words_of_code(), &self.translated.words_of_code()));
        found
    }

    fn in_code(&self) -> Vec<String> {
        let mut found = Vec::new();
        let (blocks, translated) = (&self.section.code, &self.translated.code);
        if blocks.len() != translated.len() {
            found.push(self.below(&format!("{} pieces of code instead of {}", translated.len(), blocks.len())));
        }
        for (block, translated) in blocks.iter().zip(translated) {
            if block.language != translated.language {
                let languages = format!("a fence for `{}` instead of `{}`", translated.language, block.language);
                found.push(self.below(&languages));
            }
            found.extend(self.in_lines(&block.lines, &translated.lines, is_same_code));
        }
        found
    }

    fn in_tables(&self) -> Vec<String> {
        let mut found = Vec::new();
        let (tables, translated) = (self.section.tables(), self.translated.tables());
        if tables.len() != translated.len() {
            found.push(self.below(&format!("{} tables instead of {}", translated.len(), tables.len())));
        }
        for (rows, translated) in tables.iter().zip(&translated) {
            if rows.len() == translated.len() {
                found.extend(self.in_lines(rows, translated, has_same_columns));
            } else {
                let (here, there) = (self.here(translated[0].at), self.there(rows[0].at));
                let (rows, translated) = (rows.len(), translated.len());
                found.push(format!("{here} begins a table with {translated} rows, {there} one with {rows}"));
            }
        }
        found
    }

    /// The first line that differs.
    fn in_lines(&self, lines: &[Line], translated: &[Line], is_same: fn(&str, &str) -> bool) -> Option<String> {
        let mut pairs = lines.iter().zip(translated);
        let differing = pairs.find(|(line, translated)| !is_same(&line.text, &translated.text));
        if let Some((line, other)) = differing {
            let (here, there) = (self.here(other.at), self.there(line.at));
            return Some(format!("{here} has `{}`, {there} has `{}`", other.text.trim(), line.text.trim()));
        }
        let shared = lines.len().min(translated.len());
        match (lines.get(shared), translated.get(shared)) {
            (Some(line), _) => {
                Some(format!("{} lacks `{}` of {}", self.translation.path, line.text, self.there(line.at)))
            }
            (_, Some(line)) => {
                Some(format!("{} has `{}`, {} does not", self.here(line.at), line.text, self.original.path))
            }
            (None, None) => None,
        }
    }

    fn in_sets(&self, what: &str, words: &BTreeSet<String>, translated: &BTreeSet<String>) -> Vec<String> {
        let missing = words.difference(translated).map(|word| format!("the {what} `{word}` is missing"));
        let added = translated.difference(words).map(|word| format!("the {what} `{word}` is added"));
        missing.chain(added).map(|difference| self.below(&difference)).collect()
    }
}

/// A document with one of everything.
const ORIGINAL: &str = "\
# Bird

English | [中文](bird.zh.md)

Start it ([below](#what-it-eats)), or [read](https://birds.example):

    bird --sing loud    # in the morning

## What it eats

| what | when |
|---|---|
| flies | `daily` |

- one
- two

```toml
hunger = 3
#thirst = 4
```
";

const TRANSLATION: &str = "\
# 鸟

[English](bird.md) | 中文

启动（[见下文](#吃什么)），或[阅读](https://birds.example)：

    bird --sing loud    # 早上

## 吃什么

| 什么 | 何时 |
|---|---|
| 苍蝇 | `daily` |

- 一
- 二

```toml
hunger = 3
#thirst = 4
```
";

/// What is found when one text of the translation is another one.
fn found_after(text: &str, other: &str) -> String {
    assert!(TRANSLATION.contains(text), "{text}");
    let translation = Document::parse("bird.zh.md", &TRANSLATION.replace(text, other));
    differences(&Document::parse("bird.md", ORIGINAL), &translation).join("\n")
}

#[test]
fn a_translation_that_lacks_nothing_passes() {
    assert_eq!(found_after("鸟", "知更鸟"), "");
}

#[test]
fn what_a_translation_changes_is_told_with_its_line() {
    let cases = [
        ("## 吃", "### 吃", "bird.zh.md:9 has the heading `### 吃什么`, bird.md:9 has `## What it eats`"),
        (
            "--sing loud",
            "--sing low",
            "bird.zh.md:7 has `bird --sing low    # 早上`, bird.md:7 has `bird --sing loud    # in",
        ),
        ("    # 早上", "", "bird.zh.md:7 has `bird --sing loud`, bird.md:7 has"),
        ("#thirst = 4", "#thirst = 5", "bird.zh.md:20 has `#thirst = 5`, bird.md:20 has `#thirst = 4`"),
        ("#thirst = 4\n", "", "bird.zh.md lacks `#thirst = 4` of bird.md:20"),
        ("```toml", "```", "a fence for `` instead of `toml`"),
        ("| 苍蝇 | `daily` |\n", "", "bird.zh.md:11 begins a table with 2 rows, bird.md:11 one with 3"),
        ("| 苍蝇 | `", "| 苍蝇 `", "bird.zh.md:13 has `| 苍蝇 `daily` |`, bird.md:13 has `| flies | `daily` |`"),
        ("- 二\n", "", "bird.zh.md:9 below `## 吃什么`: 1 points of lists instead of 2"),
        ("birds.example", "bees.example", "bird.zh.md:1 below `# 鸟`: the link `https://birds.example` is missing"),
        ("birds.example", "bees.example", "the link `https://bees.example` is added"),
        ("#吃什么", "#what-it-eats", "the link `#what-it-eats (no heading has that name)` is added"),
        ("`daily`", "`weekly`", "the code `daily` is missing"),
    ];
    for (text, other, expected) in cases {
        let found = found_after(text, other);
        assert!(found.contains(expected), "`{text}` to `{other}`: {found}");
    }
}

#[test]
fn a_heading_too_many_or_too_few_is_named() {
    let cases = [
        (
            "## 吃什么",
            "## 喝什么\n\n## 吃什么",
            "bird.zh.md has 3 headings, bird.md has 2: look at `# 鸟` or `## 喝什么` of",
        ),
        (
            "#thirst = 4\n```\n",
            "#thirst = 4\n```\n\n## 作者\n",
            "3 headings, bird.md has 2: look at `## 作者` of bird.zh.md",
        ),
        (
            "## 吃什么\n",
            "",
            "bird.zh.md has 1 headings, bird.md has 2: look at `# Bird` or `## What it eats` of bird.md",
        ),
    ];
    for (text, other, expected) in cases {
        let found = found_after(text, other);
        assert!(found.contains(expected), "`{text}` to `{other}`: {found}");
    }
}
