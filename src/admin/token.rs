//! The token by which an administrator's programs show that they may ask.

use std::fmt;
use std::path::Path;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::secret_file;

/// A shorter token could be guessed.
const CHARACTERS_MIN: usize = 16;

/// The token, as a hash: so a comparison takes as long whatever is sent.
#[derive(Clone, Copy)]
pub(crate) struct AdminToken([u8; 32]);

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken")
    }
}

impl AdminToken {
    /// Reads the file.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let told = |why: String| format!("admin_token_file: {} {why}", path.display());
        let secret = secret_file::read(path, "token").map_err(told)?;
        let text = secret.text.trim();
        if text.chars().count() < CHARACTERS_MIN {
            return Err(told(format!("must hold a token of at least {CHARACTERS_MIN} characters")));
        }
        if secret.is_public {
            log::warn!("admin_token_file: everybody on this machine can read {}", path.display());
        }
        Ok(Self(Sha256::digest(text).into()))
    }

    /// Whether the field Authorization has it.
    pub(super) fn is_shown_by(&self, authorization: Option<&str>) -> bool {
        let shown = authorization.and_then(|value| value.split_once(' '));
        let Some((scheme, shown)) = shown else { return false };
        let shown: [u8; 32] = Sha256::digest(shown.trim()).into();
        scheme.eq_ignore_ascii_case("bearer") && bool::from(self.0.ct_eq(&shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_as_a_bearer() {
        let token = AdminToken(Sha256::digest("0123456789abcdef").into());
        assert!(token.is_shown_by(Some("Bearer 0123456789abcdef")));
        assert!(token.is_shown_by(Some("bearer  0123456789abcdef")));
        for wrong in [None, Some("Bearer 0123456789abcdeg"), Some("0123456789abcdef"), Some("Basic 0123456789abcdef")] {
            assert!(!token.is_shown_by(wrong), "{wrong:?}");
        }
    }
}
