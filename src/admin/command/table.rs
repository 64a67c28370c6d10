//! JSON as people read it: rows with a column for each field, an object with a line for each.

use std::io::{self, Write};

use serde_json::{Map, Value};

/// A value as a cell. What would move the cursor of a terminal is left out: names are their users'.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.chars().filter(|c| !c.is_control()).collect(),
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", cell(value))).collect();
            fields.join(" ")
        }
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// An object, a line for each field.
///
/// # Errors
/// `out` takes nothing.
pub(super) fn object(value: &Value, out: &mut dyn Write) -> io::Result<()> {
    let Value::Object(fields) = value else { return writeln!(out, "{}", cell(value)) };
    let width = fields.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    for (name, value) in fields {
        writeln!(out, "{name:width$}  {}", cell(value))?;
    }
    Ok(())
}

/// Rows; the columns are all fields that any of them has, those that tell rows apart first.
///
/// # Errors
/// `out` takes nothing.
pub(super) fn rows(rows: &[Value], out: &mut dyn Write) -> io::Result<()> {
    let objects: Vec<&Map<String, Value>> = rows.iter().filter_map(Value::as_object).collect();
    let mut columns: Vec<&str> = Vec::new();
    for name in
        ["number", "id", "name"].into_iter().chain(objects.iter().flat_map(|row| row.keys().map(String::as_str)))
    {
        if !columns.contains(&name) && objects.iter().any(|row| row.contains_key(name)) {
            columns.push(name);
        }
    }
    let lines: Vec<Vec<String>> = std::iter::once(columns.iter().map(|name| (*name).to_owned()).collect())
        .chain(
            objects.iter().map(|row| columns.iter().map(|name| row.get(*name).map(cell).unwrap_or_default()).collect()),
        )
        .collect();
    let width = |column: usize| lines.iter().map(|line: &Vec<String>| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    if objects.is_empty() {
        return writeln!(out, "there are none");
    }
    for line in &lines {
        let padded = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        writeln!(out, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_have_a_column_for_each_field() {
        let mut out = Vec::new();
        rows(&[json!({"created": "x", "id": 1}), json!({"id": 12, "name": "b\u{1b}en"})], &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "id  name  created\n1         x\n12  ben\n");
        let mut out = Vec::new();
        rows(&[], &mut out).unwrap();
        assert_eq!(out, b"there are none\n");
    }

    #[test]
    fn an_object_has_a_line_for_each_field() {
        let mut out = Vec::new();
        object(&json!({"id": 1, "quotas": {"friends": 3}}), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "id      1\nquotas  friends=3\n");
    }
}
