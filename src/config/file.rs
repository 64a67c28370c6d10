//! A TOML file as a flat list of dotted keys, each with the line it stands on.

use toml::de::{DeTable, DeValue};

use super::kind::Given;

/// A file that is no TOML. The message never repeats the file's text, which may hold a password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct NoToml {
    /// Counted from 1.
    pub(super) line: usize,
    /// What is wrong there.
    pub(super) message: String,
}

/// Calls `visit` with each key's dotted name, its line (counted from 1) and its value, in no particular order.
pub(super) fn each_key(text: &str, visit: &mut dyn FnMut(&str, usize, Given<'_>)) -> Result<(), NoToml> {
    let document = DeTable::parse(text).map_err(|error| NoToml {
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    walk(text, "", document.get_ref(), visit);
    Ok(())
}

fn walk(text: &str, section: &str, table: &DeTable<'_>, visit: &mut dyn FnMut(&str, usize, Given<'_>)) {
    for (key, value) in table {
        let name = if section.is_empty() { key.get_ref().to_string() } else { format!("{section}.{}", key.get_ref()) };
        let line = line_of(text, key.span().start);
        match value.get_ref() {
            // An empty section is offered as a value, so that an unknown one does not go unnoticed.
            DeValue::Table(inner) if !inner.is_empty() => walk(text, &name, inner, visit),
            value => visit(&name, line, given(value)),
        }
    }
}

fn given<'a>(value: &'a DeValue<'_>) -> Given<'a> {
    match value {
        DeValue::String(text) => Given::Text(text),
        DeValue::Boolean(value) => Given::Boolean(*value),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_or(Given::Other("integer beyond 64 bits"), Given::Integer),
        DeValue::Float(_) => Given::Other("float"),
        DeValue::Datetime(_) => Given::Other("date"),
        DeValue::Array(_) => Given::Other("array"),
        DeValue::Table(_) => Given::Other("table"),
    }
}

/// The line, counted from 1, that the byte at `offset` is on.
fn line_of(text: &str, offset: usize) -> usize {
    let breaks = text.bytes().take(offset).filter(|byte| *byte == b'\n');
    1 + breaks.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        each_key(text, &mut |name, line, value| found.push(format!("{line} {name} {value:?}"))).unwrap();
        found.sort();
        found
    }

    #[test]
    fn sections_and_dotted_keys_become_dotted_names_with_lines() {
        let text = "listen = \"a\"\nstore.pool = 0x10\n\n[limits]\ninflight = -8\n# note\nline_bytes = true\n[empty]\n";
        assert_eq!(
            keys(text),
            [
                "1 listen Text(\"a\")",
                "2 store.pool Integer(16)",
                "5 limits.inflight Integer(-8)",
                "7 limits.line_bytes Boolean(true)",
                "8 empty Other(\"table\")",
            ]
        );
    }

    #[test]
    fn a_syntax_error_tells_its_line_and_not_its_text() {
        let error = each_key("listen = 1\nmysql = \"mysql://u:geheim@h/db\n", &mut |_, _, _| {}).unwrap_err();
        assert_eq!(error.line, 2);
        assert!(!error.message.contains("geheim"), "{}", error.message);
    }
}
