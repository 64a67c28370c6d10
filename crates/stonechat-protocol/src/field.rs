//! The fields of a request: from raw JSON text to checked values. Every error names its field.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cid;
use crate::errno::Errno;
use crate::ids::{GroupId, UserId};
use crate::names;

/// The longest `cid` in characters.
pub(super) const CID_CHARS_MAX: usize = 64;
/// The longest name of a user or a group in characters.
pub(super) const NAME_CHARS_MAX: usize = 50;
/// The longest password in bytes: hashing must not cost more for more.
pub(super) const PASSWORD_BYTES_MAX: usize = 1024;
/// The longest `next` of a page in bytes.
const OPAQUE_BYTES_MAX: usize = 200;
/// Numbers on the wire stay below 2^53, where every JSON parser is exact.
const WIRE_NUMBER_MAX: i64 = 1 << 53;

/// Why a request is refused before it reaches its handler.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text}")]
pub struct RequestError {
    /// The number of the reply.
    pub errno: Errno,
    /// For a person; names the field.
    pub text: String,
}

impl RequestError {
    pub(super) fn malformed(text: String) -> Self {
        Self { errno: Errno::Malformed, text }
    }

    pub(super) fn too_large(field: &str, bytes: usize, bytes_max: usize) -> Self {
        Self { errno: Errno::TooLarge, text: format!("`{field}` has {bytes} bytes; at most {bytes_max} are allowed") }
    }
}

pub(super) type Parsed<T> = Result<T, RequestError>;
pub(super) type Raw<'a> = Option<&'a RawValue>;

/// The bounds that depend on the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The longest `msg` (its text in UTF-8) and the longest `ext` (its JSON), in bytes.
    pub message_bytes: usize,
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

pub(super) fn is_string(raw: &str) -> bool {
    raw.starts_with('"') && serde_json::from_str::<Text<'_>>(raw).is_ok()
}

pub(super) fn is_integer(raw: &str) -> bool {
    serde_json::from_str::<i64>(raw).is_ok()
}

pub(super) fn optional<'a, T>(raw: Raw<'a>, read: impl FnOnce(&'a RawValue) -> Parsed<T>) -> Parsed<Option<T>> {
    raw.map(read).transpose()
}

pub(super) fn required<'a>(field: &str, raw: Raw<'a>) -> Parsed<&'a str> {
    raw.map(RawValue::get).ok_or_else(|| RequestError::malformed(format!("`{field}` is missing")))
}

pub(super) fn text<'a>(field: &str, raw: Raw<'a>) -> Parsed<Cow<'a, str>> {
    let raw = required(field, raw)?;
    if !raw.starts_with('"') {
        return Err(RequestError::malformed(format!("`{field}` must be a string")));
    }
    let parsed: Result<Text<'a>, _> = serde_json::from_str(raw);
    parsed.map(|text| text.0).map_err(|error| RequestError::malformed(format!("`{field}` is no valid string: {error}")))
}

pub(super) fn bounded<'a>(field: &str, raw: Raw<'a>, chars_max: usize) -> Parsed<Cow<'a, str>> {
    let text = text(field, raw)?;
    if text.chars().count() > chars_max {
        return Err(RequestError::malformed(format!("`{field}` is longer than {chars_max} characters")));
    }
    Ok(text)
}

/// A name that a user or a group is to have. (Names that are there already have had other rules.)
pub(super) fn new_name(field: &str, raw: Raw<'_>) -> Parsed<String> {
    let name = name(field, raw)?;
    match names::check_new(&name) {
        Ok(()) => Ok(name),
        Err(unfit) => Err(RequestError::malformed(format!("`{field}` {unfit}"))),
    }
}

/// A name of a device; what every name must be.
pub(super) fn name(field: &str, raw: Raw<'_>) -> Parsed<String> {
    let name = bounded(field, raw, NAME_CHARS_MAX)?;
    if name.is_empty() {
        return Err(RequestError::malformed(format!("`{field}` must not be empty")));
    }
    if name.chars().any(char::is_control) {
        return Err(RequestError::malformed(format!("`{field}` must not contain control characters")));
    }
    if name.trim().len() != name.len() {
        return Err(RequestError::malformed(format!("`{field}` must not begin or end with a blank")));
    }
    Ok(name.into_owned())
}

pub(super) fn password(field: &str, raw: Raw<'_>) -> Parsed<String> {
    let password = text(field, raw)?;
    if password.is_empty() {
        return Err(RequestError::malformed(format!("`{field}` must not be empty")));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(RequestError::too_large(field, password.len(), PASSWORD_BYTES_MAX));
    }
    Ok(password.into_owned())
}

/// The stored form of a `cid`.
pub(super) fn cid(raw: &RawValue) -> Parsed<Box<str>> {
    if is_integer(raw.get()) {
        return Ok(cid::of_integer(raw.get()));
    }
    if !is_string(raw.get()) {
        let told = "`cid` must be a string, or an integer of at most 64 bits";
        return Err(RequestError::malformed(told.to_owned()));
    }
    let text = bounded("cid", Some(raw), CID_CHARS_MAX)?;
    if text.is_empty() {
        return Err(RequestError::malformed("`cid` must not be empty".to_owned()));
    }
    Ok(cid::of_string(&text))
}

/// How deep arrays and objects may lie within each other, for what common parsers read.
pub(super) const LEVELS_MAX: usize = 127;

/// The bounds of an `ext`.
#[derive(Clone, Copy)]
pub(super) struct ExtBounds {
    bytes: usize,
    levels: usize,
}

impl ExtBounds {
    /// A message's. In a list of messages it stands three levels down.
    pub(super) fn of_message(bounds: Bounds) -> Self {
        Self { bytes: bounds.message_bytes, levels: LEVELS_MAX - 3 }
    }

    /// A profile's. With a member of a group in a list it stands five levels down.
    pub(super) fn of_profile(bytes: usize) -> Self {
        Self { bytes, levels: LEVELS_MAX - 5 }
    }
}

/// `ext` is parsed as deep as a client will, so that one client's odd JSON cannot break another's parser; its text is
/// relayed, so numbers keep their digits. A line break between two tokens becomes a blank: some readers would cut the
/// relayed line there. (Within a string JSON forbids it.)
pub(super) fn ext(raw: &RawValue, bounds: ExtBounds) -> Parsed<Cow<'_, str>> {
    let raw = raw.get();
    if raw.len() > bounds.bytes {
        return Err(RequestError::too_large("ext", raw.len(), bounds.bytes));
    }
    let levels = levels(raw, bounds.levels);
    if levels > bounds.levels {
        let told = format!("`ext` is nested {levels} levels deep; at most {} are allowed", bounds.levels);
        return Err(RequestError::malformed(told));
    }
    let parsed: Result<serde_json::Value, _> = serde_json::from_str(raw);
    parsed.map_err(|error| RequestError::malformed(format!("`ext` cannot be relayed: {error}")))?;
    let has_breaks = raw.contains(['\r', '\n']);
    Ok(if has_breaks { Cow::Owned(raw.replace(['\r', '\n'], " ")) } else { Cow::Borrowed(raw) })
}

/// How deep a well-formed JSON text is nested; not more than `most`, if that is all there is to find out.
pub(super) fn levels(json: &str, most: usize) -> usize {
    let brackets = |byte: &u8| matches!(byte, b'[' | b'{');
    // With so few of them there is nothing to find out; those in strings count here, too.
    let opening = json.bytes().filter(brackets).count();
    if opening <= most {
        return opening;
    }
    let (mut deepest, mut open) = (0, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                open += 1;
                deepest = deepest.max(open);
            }
            b']' | b'}' if !in_string => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

pub(super) fn flag(field: &str, raw: Raw<'_>) -> Parsed<bool> {
    match required(field, raw)? {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(RequestError::malformed(format!("`{field}` must be true or false"))),
    }
}

/// One of these words, and what it means.
pub(super) fn word<T: Copy>(field: &str, raw: Raw<'_>, words: &[(&str, T)]) -> Parsed<T> {
    let word = text(field, raw)?;
    let known = words.iter().find(|(known, _)| *known == word);
    known.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let known: Vec<_> = words.iter().map(|(known, _)| format!("\"{known}\"")).collect();
        RequestError::malformed(format!("`{field}` must be one of {}", known.join(", ")))
    })
}

/// What a list of words may say; a word that is not known is passed over.
pub(super) fn words<T: Copy>(field: &str, raw: Raw<'_>, words: &[(&str, T)]) -> Parsed<Vec<T>> {
    let given: Vec<Text<'_>> = serde_json::from_str(required(field, raw)?)
        .map_err(|_| RequestError::malformed(format!("`{field}` must be a list of strings")))?;
    let known = given.iter().filter_map(|word| words.iter().find(|(known, _)| *known == word.0));
    Ok(known.map(|(_, meaning)| *meaning).collect())
}

/// A text that only the server that gave it understands: where a page ended.
pub(super) fn opaque(field: &str, raw: Raw<'_>) -> Parsed<String> {
    let text = text(field, raw)?;
    if text.len() > OPAQUE_BYTES_MAX {
        return Err(RequestError::malformed(format!("`{field}` is no `next` of a page")));
    }
    Ok(text.into_owned())
}

pub(super) fn integer(field: &str, raw: Raw<'_>) -> Parsed<i64> {
    let raw = required(field, raw)?;
    serde_json::from_str(raw).map_err(|_| RequestError::malformed(format!("`{field}` must be an integer")))
}

pub(super) fn number(field: &str, raw: Raw<'_>) -> Parsed<u64> {
    let number = integer(field, raw)?;
    if !(0..WIRE_NUMBER_MAX).contains(&number) {
        return Err(RequestError::malformed(format!("`{field}` must not be negative, and below 2^53")));
    }
    Ok(number.unsigned_abs())
}

pub(super) fn user_id(field: &str, raw: Raw<'_>) -> Parsed<UserId> {
    UserId::new(integer(field, raw)?).ok_or_else(|| not_an_id(field))
}

pub(super) fn group_id(field: &str, raw: Raw<'_>) -> Parsed<GroupId> {
    GroupId::new(integer(field, raw)?).ok_or_else(|| not_an_id(field))
}

pub(super) fn not_an_id(field: &str) -> RequestError {
    RequestError::malformed(format!("`{field}` must be between 1 and {}", i32::MAX))
}
