//! What `/help` shows.

use crate::command::{SECTIONS, Spec};

/// All commands, by what they are for.
pub(crate) fn commands() -> String {
    let mut lines = vec!["Text goes to the open conversation; // at its beginning is a slash. Commands:".to_owned()];
    for section in &SECTIONS {
        lines.push(format!("{}:", section.heading));
        lines.extend(section.specs.iter().map(line));
    }
    lines.push(
        "Names: 7 is a number, #chess a group; in quotes it is always a name: \"7\", \"#lea\", \"two words\", and \\\" is a \
         quote in it."
            .to_owned(),
    );
    lines.join("\n")
}

fn line(spec: &Spec) -> String {
    format!("  {:<28} {}", format!("/{} {}", spec.name, spec.arguments), spec.what)
}

/// The keys of the screen.
pub(crate) const KEYS: &str = "\
Keys:
  Ctrl-N, Ctrl-P               next and previous conversation (Alt-Down, Alt-Up)
  Alt-A                        the latest conversation with something unread
  Page-Up, Page-Down, wheel    scroll; older messages are fetched
  Tab                          complete commands and names
  Up                           in an empty line: edit your last message; else lines typed before
  Alt-R                        answer the last message, once more: the one before
  Alt-Enter                    a new line in the message
  Ctrl-R                       send failed messages again
  Esc                          close notes, go to the latest message; leave a question
  Ctrl-C                       drop what is typed; twice: end";
