//! A line's fields, as raw JSON: the one scan of it.
//!
//! Every field that is known is borrowed from the read buffer; the request then looks closer at the few it needs.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::field::{CID_CHARS_MAX, Parsed, Raw, RequestError, is_integer, is_string, optional, user_id};
use crate::ids::UserId;

/// The longest `tag`, as JSON text in bytes: it is kept while its request is in flight.
pub const TAG_BYTES_MAX: usize = 256;
/// The longest `cid` as JSON text: every character may be written as two escapes of six bytes.
const CID_BYTES_MAX: usize = 12 * CID_CHARS_MAX + 2;
/// The most rows a page may have.
pub const PAGE_ROWS_MAX: u32 = 200;
/// The rows of a page whose `limit` is not given.
pub const PAGE_ROWS_DEFAULT: u32 = 50;

/// Declares [`Envelope`] and [`Seldom`] with their raw fields, and how it is read. By hand and not derived, because serde ends at a field
/// that is repeated, and the reply to such a line needs the others.
macro_rules! envelope {
    ($($field:ident)*; seldom: $($rare:ident)*) => {
        /// A line's fields as raw JSON text, borrowed from the read buffer. Unknown fields are passed over.
        #[derive(Debug)]
        pub struct Envelope<'a> {
            /// Which request it is, if it is one.
            pub msgid: i64,
            $(pub(crate) $field: Raw<'a>,)*
            /// Those that no chat message has.
            seldom: Option<Box<Seldom<'a>>>,
            /// The fields that are given: a bit for each, in the order of [`FIELDS`].
            seen: u64,
            /// Those that are given more than once.
            repeated: u64,
        }

        /// The fields that few requests have. Apart, so that a line without them has no more to look after.
        #[derive(Debug, Default)]
        pub(crate) struct Seldom<'a> {
            $(pub(crate) $rare: Raw<'a>,)*
        }

        impl Seldom<'_> {
            const NONE: Seldom<'static> = Seldom { $($rare: None,)* };
        }

        /// The names of the fields that are known, in the order of [`Field`].
        pub(crate) const FIELDS: &[&str] = &["msgid", $(stringify!($field),)* $(stringify!($rare)),*];
        // One more for those that are not known.
        const _: () = assert!(FIELDS.len() < u64::BITS as usize);

        #[derive(Clone, Copy)]
        #[expect(non_camel_case_types, reason = "they are called as the fields are")]
        pub(crate) enum Field {
            msgid,
            $($field,)*
            $($rare,)*
            Unknown,
        }

        impl Field {
            /// In two steps: what stands in a message is found as fast as if there were nothing else.
            fn named(name: &str) -> Self {
                match name {
                    "msgid" => Self::msgid,
                    $(stringify!($field) => Self::$field,)*
                    _ => Self::seldom_named(name),
                }
            }

            #[cold]
            fn seldom_named(name: &str) -> Self {
                match name {
                    $(stringify!($rare) => Self::$rare,)*
                    _ => Self::Unknown,
                }
            }
        }

        impl<'a> Envelope<'a> {
            fn empty() -> Self {
                Self { msgid: 0, $($field: None,)* seldom: None, seen: 0, repeated: 0 }
            }

            #[cold]
            fn set_seldom(&mut self, field: Field, value: Raw<'a>) {
                let seldom = self.seldom.get_or_insert_default();
                match field {
                    $(Field::$rare => seldom.$rare = value,)*
                    Field::msgid | Field::Unknown => {}
                    $(Field::$field => {})*
                }
            }
        }

        impl<'de> Visitor<'de> for Scan<'_, 'de> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
                let Self(envelope) = self;
                let mut seen = 0_u64;
                while let Some(field) = map.next_key::<Field>()? {
                    let bit = 1_u64 << field as u32;
                    match field {
                        Field::Unknown => drop(map.next_value::<IgnoredAny>()?),
                        Field::msgid if seen & bit != 0 => drop(map.next_value::<IgnoredAny>()?),
                        Field::msgid => envelope.msgid = map.next_value()?,
                        $(Field::$field => envelope.$field = map.next_value()?,)*
                        rare => envelope.set_seldom(rare, map.next_value()?),
                    }
                    envelope.repeated |= seen & bit;
                    seen |= bit;
                }
                envelope.seen = seen;
                if !envelope.is_given(Field::msgid) {
                    return Err(A::Error::missing_field("msgid"));
                }
                // Fields that are not known may stand there as often as anybody likes.
                envelope.repeated &= !(1_u64 << Field::Unknown as u32);
                Ok(())
            }
        }
    };
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = Field;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a field")
            }

            fn visit_str<E>(self, name: &str) -> Result<Field, E> {
                Ok(Field::named(name))
            }
        }

        deserializer.deserialize_identifier(Name)
    }
}

/// Reads an [`Envelope`], in its place: it is too large to be handed on.
struct Scan<'e, 'a>(&'e mut Envelope<'a>);

envelope! {
    tag id name pwd token ack device toid groupid friendid msg cid ext groupname groupdesc keyword accept seq before after
    limit;
    seldom:
    want catch_up of reaction on from role ban lift seconds new end withdraw muted pinned join speak history
}

impl<'a> Envelope<'a> {
    /// Scans a line.
    ///
    /// # Errors
    /// A sentence for a person, when it is no JSON object with an integer `msgid`.
    pub fn parse(line: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(line).map_err(|error| format!("not UTF-8: {error}"))?;
        // serde would take an array for a struct.
        if !text.trim_ascii_start().starts_with('{') {
            return Err("not a JSON object".to_owned());
        }
        let mut envelope = Self::empty();
        let mut reader = serde_json::Deserializer::from_str(text);
        match reader.deserialize_map(Scan(&mut envelope)).and_then(|()| reader.end()) {
            Ok(()) => Ok(envelope),
            Err(error) => Err(format!("not a JSON object with an integer `msgid`: {error}")),
        }
    }

    /// A field that is given more than once: which of its values is meant cannot be known.
    ///
    /// # Errors
    /// There is one; the error names it.
    pub fn each_field_once(&self) -> Parsed<()> {
        let name = FIELDS.get(self.repeated.trailing_zeros() as usize);
        name.map_or(Ok(()), |name| Err(RequestError::malformed(format!("`{name}` is given more than once"))))
    }

    /// Whether the line does not say which request it is, because it says it more than once.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        self.is_repeated(Field::msgid)
    }

    /// The fields that few requests have.
    pub(crate) fn seldom(&self) -> &Seldom<'a> {
        self.seldom.as_deref().unwrap_or(&Seldom::NONE)
    }

    /// Whether the line has this field, be it null.
    pub(crate) fn is_given(&self, field: Field) -> bool {
        self.seen & (1_u64 << field as u32) != 0
    }

    fn is_repeated(&self, field: Field) -> bool {
        self.repeated & (1_u64 << field as u32) != 0
    }

    /// The raw `tag` to repeat in the reply.
    ///
    /// # Errors
    /// It is neither a string nor an integer, or too long to keep, or there are several.
    pub fn tag(&self) -> Parsed<Option<&'a str>> {
        if self.is_repeated(Field::tag) {
            return Err(RequestError::malformed("`tag` is given more than once".to_owned()));
        }
        let Some(raw) = self.tag.map(RawValue::get) else { return Ok(None) };
        if raw.len() > TAG_BYTES_MAX {
            return Err(RequestError::too_large("tag", raw.len(), TAG_BYTES_MAX));
        }
        if is_string(raw) || is_integer(raw) {
            return Ok(Some(raw));
        }
        Err(RequestError::malformed("`tag` must be a string or an integer".to_owned()))
    }

    /// The raw `cid` to repeat in the ack, whatever becomes of the request.
    #[must_use]
    pub fn raw_cid(&self) -> Option<&'a str> {
        let raw = self.cid?.get();
        let is_one = !self.is_repeated(Field::cid);
        (is_one && raw.len() <= CID_BYTES_MAX && (is_string(raw) || is_integer(raw))).then_some(raw)
    }

    /// How many rows a page of this request may have, for what it is to cost. A `limit` that is no number counts as the
    /// default: it will be refused.
    #[must_use]
    pub fn page_rows(&self) -> u32 {
        let given = self.limit.and_then(|raw| raw.get().parse::<u64>().ok());
        given.map_or(PAGE_ROWS_DEFAULT, |rows| rows.min(PAGE_ROWS_MAX.into()).try_into().unwrap_or(PAGE_ROWS_MAX))
    }

    /// Whether it carries a token: such a LOGIN needs no password hash.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// The `id` of a request in which it names the sender.
    ///
    /// # Errors
    /// It is there and no positive integer.
    pub fn sender_id(&self) -> Parsed<Option<UserId>> {
        optional(self.id, |raw| user_id("id", Some(raw)))
    }
}
