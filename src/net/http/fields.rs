//! The fields of a request's head.

use httparse::Header;

/// Whether there is such a field.
fn has(fields: &[Header<'_>], name: &str) -> bool {
    fields.iter().any(|field| field.name.eq_ignore_ascii_case(name))
}

/// The value of a field that stands there once.
pub(super) fn only<'a>(fields: &[Header<'a>], name: &str) -> Option<&'a str> {
    let mut values = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    let value = values.next().map(|field| field.value)?;
    if values.next().is_some() {
        return None;
    }
    std::str::from_utf8(value).ok().map(str::trim)
}

/// Whether the word is in the field's list.
pub(super) fn has_word(fields: &[Header<'_>], name: &str, word: &str) -> bool {
    let lists = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    let mut words = lists.filter_map(|field| std::str::from_utf8(field.value).ok()).flat_map(|list| list.split(','));
    words.any(|other| other.trim().eq_ignore_ascii_case(word))
}

/// Whether each field of this name is a list that is not empty, and of such elements only.
pub(super) fn are_lists(fields: &[Header<'_>], name: &str, is_element: impl Fn(&str) -> bool) -> bool {
    let mut fields = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    fields.all(|field| {
        let Ok(list) = std::str::from_utf8(field.value) else { return false };
        let mut elements = list.split(',').map(str::trim).filter(|element| !element.is_empty()).peekable();
        elements.peek().is_some() && elements.all(&is_element)
    })
}

/// Whether a body follows, which nobody here reads.
pub(super) fn has_body(fields: &[Header<'_>]) -> bool {
    let has_length = has(fields, "content-length") && only(fields, "content-length") != Some("0");
    has_length || has(fields, "transfer-encoding")
}
