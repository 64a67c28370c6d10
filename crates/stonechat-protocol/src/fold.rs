//! Text without regard to case, width and composition, in any script: what SEARCH and names are compared by.

use unicode_normalization::UnicodeNormalization;

/// The text as it is compared: NFKC, without case.
#[must_use]
pub fn text(text: &str) -> String {
    text.nfkc().flat_map(case).nfkc().collect()
}

/// The small letter, and of several small ones of the same capital (σ and ς) always the same. A letter whose capital is
/// two (ß) stays; and so does ı, the small letter of whose capital is i.
pub(crate) fn case(c: char) -> impl Iterator<Item = char> {
    let one = |mut several: std::char::ToUppercase| several.next().filter(|_| several.next().is_none());
    let small = move |c: char| match one(c.to_uppercase()) {
        Some(capital) if c != 'ı' => capital.to_lowercase(),
        _ => c.to_lowercase(),
    };
    c.to_lowercase().flat_map(small)
}
