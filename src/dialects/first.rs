//! What a client speaks, by its first object. Only the login of the course's program and that of its relatives cannot be told
//! apart; then a setting decides, until the client or its account shows more.

use memchr::{memchr, memmem};
use serde_json::Value;

use super::Rules;
use super::family::Family;
use super::polaris::Polaris;
use super::relatives::{Act, CMF, COURSE, QQ, Relative};
use super::sponge::Sponge;
use super::tongue::{Tongue, number};
use crate::net::objects;

/// A first object that is longer is none of theirs: their names and passwords have 255 bytes at most.
const FIRST_MAX: usize = 4096;
/// One of these is in every first object of a dialect, and in next to no other.
const SIGNS: [&[u8]; 4] = [b"\"passw", b"\"msgT", b"\"msgI", b"\0"];

/// What the first bytes tell.
pub(super) enum First {
    /// A client of ours, or nobody that is known.
    Native,
    /// Not enough yet.
    Unclear,
    /// A client of this dialect.
    Dialect(Box<dyn Tongue>),
    /// So many bytes are nothing: no line of ours, and no object of theirs. What follows may tell.
    Nothing(usize),
}

/// What the Qt client says all five minutes, also when it has connected anew and nobody has logged in.
const KEEPS_ALIVE: &[u8] = b"keep this socket alive";

/// Looks at the first bytes of a connection.
pub(super) fn look(begun: &[u8], rules: &Rules) -> First {
    if !rules.enabled {
        return First::Native;
    }
    let start = begun.iter().take_while(|byte| b" \t\r\n\0".contains(byte)).count();
    let (blanks, begun) = begun.split_at(start);
    let has_line_end = memchr(b'\n', blanks).is_some();
    if start > 0 && !has_line_end && (begun.is_empty() || memchr(0, blanks).is_some()) {
        return First::Nothing(start);
    }
    // JSON has no raw NUL, and a line has none ahead of its end: what it breaks off is nobody's, unless that is a whole object.
    let head = &begun[..begun.len().min(FIRST_MAX)];
    let nul = memchr(0, head).filter(|nul| memchr(b'\n', &head[..*nul]).is_none());
    match (shown(nul.map_or(begun, |nul| &begun[..=nul]), rules), nul) {
        (First::Native | First::Unclear, Some(nul)) => First::Nothing(start + nul + 1),
        (shown, _) => shown,
    }
}

/// The same, of what begins with no blank.
fn shown(begun: &[u8], rules: &Rules) -> First {
    if begun.starts_with(KEEPS_ALIVE) {
        return First::Dialect(Box::new(Sponge));
    }
    if begun.first() != Some(&b'{') {
        return First::Native;
    }
    let head = &begun[..begun.len().min(FIRST_MAX)];
    let has_line_end = memchr(b'\n', head).is_some() || begun.len() > FIRST_MAX;
    if has_line_end && !SIGNS.iter().any(|sign| memmem::find(head, sign).is_some()) {
        return First::Native;
    }
    let Some(end) = objects::first_end(head) else {
        return if has_line_end { First::Native } else { First::Unclear };
    };
    match serde_json::from_slice(&head[..end]) {
        Ok(object) => recognise(&object, head.get(end).copied(), rules),
        Err(_) if has_line_end => First::Native,
        Err(_) => First::Unclear,
    }
}

/// `behind` is the byte that follows, if it has come.
fn recognise(object: &Value, behind: Option<u8>, rules: &Rules) -> First {
    let has = |key: &str| object.get(key).is_some();
    // A field of a client's own beside `msgid` makes no other client of it.
    if !has("msgid") && number(object, "msgType").is_some() {
        return First::Dialect(Box::new(Sponge));
    }
    if !has("msgid") && number(object, "msgId").is_some() {
        return First::Dialect(Box::new(Polaris));
    }
    if has("pwd") || has("token") {
        // Byte for byte a line of ours, but for what ends it.
        let of_cmf = CMF.act(object).is_some() && !has("token") && !has("tag") && !has("device") && !has("ack");
        return match behind {
            Some(0) if of_cmf => First::Dialect(Box::new(Family::shown(&CMF, vec![&CMF]))),
            None => First::Unclear,
            Some(_) => First::Native,
        };
    }
    match one_of_the_family(object, rules) {
        Some(family) => First::Dialect(Box::new(family)),
        // Something may still follow that makes a line of it.
        None if behind.is_none() => First::Unclear,
        None => First::Native,
    }
}

/// A client that begins with a login or with a new account, as those of the family do.
fn one_of_the_family(object: &Value, rules: &Rules) -> Option<Family> {
    let known = || [rules.default].into_iter().chain(rules.extra.iter().copied()).chain([&COURSE, &QQ]);
    let begins = |one: &&'static Relative| matches!(one.act(object), Some(Act::Login | Act::Register));
    let is = known().find(begins)?;
    let all = [is].into_iter().chain(known().filter(|one| !std::ptr::eq(*one, is))).collect();
    Some(match is.act(object) {
        Some(Act::Register) => Family::shown(is, all),
        _ => Family::guessed(all, rules.default.remembered.is_some()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DialectSettings, Relative as Named};
    use crate::store::ClientDialect;

    fn look_at(begun: &str, settings: &DialectSettings) -> &'static str {
        match look(begun.as_bytes(), &Rules::new(settings)) {
            First::Native => "native",
            First::Unclear => "unclear",
            First::Dialect(tongue) => tongue.dialect().map_or("a guess", ClientDialect::name),
            First::Nothing(_) => "nothing",
        }
    }

    #[test]
    fn the_first_object_tells() {
        for (begun, is) in [
            (r#"{"msgType":1, "USERID":7, "password":"x"}"#, "sponge"),
            (r#"{"msgId":1,"password":"x","uid":1}"#, "polaris"),
            ("{\"msgid\":3,\"name\":\"a\",\"password\":\"x\"}\0", "qq"),
            ("{\"msgid\":4,\"name\":\"a\",\"password\":\"x\"}\0", "course"),
            ("{\"msgid\":4,\"name\":\"a\",\"password\":\"x\"}\n", "course"),
            ("{\"id\":1,\"msgid\":1,\"password\":\"x\"}\0", "a guess"),
            (" \0{\"id\":1,\"msgid\":1,\"password\":\"x\"}", "nothing"),
            (" {\"id\":1,\"msgid\":1,\"password\":\"x\"}", "a guess"),
            ("{\"msgid\":1,\"id\":1,\"pwd\":\"x\"}\0", "cmf"),
            ("{\"msgid\":1,\"id\":1,\"pwd\":\"x\"}\n", "native"),
            ("{\"msgid\":1,\"id\":1,\"pwd\":\"x\"}", "unclear"),
            ("{\"msgid\":1,\"id\":1,\"pwd\":\"x\",\"tag\":1}\0", "nothing"),
            ("\0", "nothing"),
            ("{}\0", "nothing"),
            ("{\"id\":1,\"password\":\"x\0", "nothing"),
            ("keep this socket alive", "sponge"),
            ("{\"msgid\":1,\"id\":1,\"token\":\"x\",\"password\":\"x\"}\n", "native"),
            ("{\"msgid\":17,\"msgType\":1,\"msgId\":2}\n", "native"),
            ("{\"msgid\":6,\"toid\":2,\"msg\":\"my \\\"password\\\"\"}\n", "native"),
            ("{\"msgid\":9,\"password\":\"x\"}\n", "native"),
            ("hello?\n", "native"),
            ("\n", "native"),
            ("{broken\n", "native"),
            ("{\"msgid\":1,\"passw", "unclear"),
            ("{", "unclear"),
            ("{]", "unclear"),
        ] {
            assert_eq!(look_at(begun, &DialectSettings::default()), is, "{begun:?}");
        }
        let long = format!("{{\"msgid\":4,\"name\":\"{}\",\"password\":\"x\"}}\0", "a".repeat(FIRST_MAX));
        assert_eq!(look_at(&long, &DialectSettings::default()), "native", "no name is so long");
    }

    #[test]
    fn settings_say_who_is_known() {
        let off = DialectSettings { enabled: false, ..DialectSettings::default() };
        assert_eq!(look_at(r#"{"msgType":1, "USERID":7, "password":"x"}"#, &off), "native");
        let register = "{\"msgid\":2,\"name\":\"a\",\"password\":\"x\"}\0";
        assert_eq!(look_at(register, &DialectSettings::default()), "nothing");
        let extra = DialectSettings { extra: vec![Named::JjLi0427], ..DialectSettings::default() };
        assert_eq!(look_at(register, &extra), "a guess", "it is known, and not remembered");
    }
}
