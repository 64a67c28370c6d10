//! What must hold between two keys. Defaults give way to what was set; two settings that contradict are refused.
//!
//! ```text
//!   limits.message_bytes + FIELDS_BYTES  <=  limits.line_bytes  <=  limits.outbox_bytes
//! ```
//!
//! A message that fits in no line could never be sent. A push that fits in no outbox would cut its reader off each
//! time it came back for it.

use super::problem::Origin;
use super::settings::Limits;

/// What a chat message has on its line besides the text: the braces, the names of its fields, ids, a short `cid`.
const FIELDS_BYTES: usize = 128;

/// Where the three keys came from.
pub(super) struct Origins<'a> {
    pub(super) line: &'a Origin,
    pub(super) message: &'a Origin,
    pub(super) outbox: &'a Origin,
}

/// Moves the defaults among the three sizes to fit those that were set. What it returns still contradicts.
pub(super) fn fit(limits: &mut Limits, origins: &Origins<'_>) -> Vec<String> {
    if origins.line.is_default() {
        fit_line(limits, origins);
    }
    if origins.message.is_default() {
        limits.message_bytes = limits.message_bytes.min(limits.line_bytes.saturating_sub(FIELDS_BYTES));
    }
    if origins.outbox.is_default() {
        limits.outbox_bytes = limits.outbox_bytes.max(limits.line_bytes);
    }
    contradictions(limits, origins)
}

/// The default line, shorter for a small outbox, longer for a long message.
fn fit_line(limits: &mut Limits, origins: &Origins<'_>) {
    if !origins.outbox.is_default() {
        limits.line_bytes = limits.line_bytes.min(limits.outbox_bytes);
    }
    if !origins.message.is_default() {
        limits.line_bytes = limits.line_bytes.max(limits.message_bytes + FIELDS_BYTES);
    }
}

fn contradictions(limits: &Limits, origins: &Origins<'_>) -> Vec<String> {
    let Limits { line_bytes, message_bytes, outbox_bytes, .. } = *limits;
    let mut found = Vec::new();
    if line_bytes < message_bytes + FIELDS_BYTES {
        found.push(format!(
            "limits.line_bytes = {line_bytes} ({}) has no room for limits.message_bytes = {message_bytes} ({}): \
             it must be at least {FIELDS_BYTES} more",
            origins.line, origins.message
        ));
    }
    if outbox_bytes < line_bytes {
        found.push(format!(
            "limits.outbox_bytes = {outbox_bytes} ({}) must be at least limits.line_bytes = {line_bytes} ({})",
            origins.outbox, origins.line
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: Origin = Origin::Flag("--set");
    const NOT: Origin = Origin::Default;

    /// `None` leaves a size at its default.
    fn fitted(
        message: Option<usize>,
        line: Option<usize>,
        outbox: Option<usize>,
    ) -> Result<(usize, usize, usize), Vec<String>> {
        let default = Limits::default();
        let mut limits = Limits {
            message_bytes: message.unwrap_or(default.message_bytes),
            line_bytes: line.unwrap_or(default.line_bytes),
            outbox_bytes: outbox.unwrap_or(default.outbox_bytes),
            ..default
        };
        let origin = |given: Option<usize>| if given.is_some() { &SET } else { &NOT };
        let origins = Origins { line: origin(line), message: origin(message), outbox: origin(outbox) };
        let found = fit(&mut limits, &origins);
        if found.is_empty() { Ok((limits.message_bytes, limits.line_bytes, limits.outbox_bytes)) } else { Err(found) }
    }

    #[test]
    fn the_defaults_fit_each_other() {
        assert_eq!(fitted(None, None, None), Ok((8_192, 65_536, 1_048_576)));
    }

    #[test]
    fn defaults_give_way_to_what_is_set() {
        assert_eq!(fitted(None, Some(1_000), None), Ok((872, 1_000, 1_048_576)));
        assert_eq!(fitted(None, Some(2_000_000), None), Ok((8_192, 2_000_000, 2_000_000)));
        assert_eq!(fitted(Some(100_000), None, None), Ok((100_000, 100_128, 1_048_576)));
        assert_eq!(fitted(None, None, Some(4_096)), Ok((3_968, 4_096, 4_096)));
    }

    #[test]
    fn settings_that_contradict_are_named_with_their_origins() {
        let found = fitted(Some(1_000), Some(1_000), Some(900)).unwrap_err();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("limits.line_bytes = 1000 (flag --set) has no room"), "{found:?}");
        assert!(found[1].contains("limits.outbox_bytes = 900 (flag --set) must be at least"), "{found:?}");
        let through_the_default = fitted(Some(5_000), None, Some(4_096)).unwrap_err();
        assert!(through_the_default[0].contains("limits.outbox_bytes = 4096"), "{through_the_default:?}");
    }
}
