//! Argon2id passwords and resume tokens. One [`Hasher`] per thread keeps the memory Argon2 works in.
//!
//! ```text
//!   what is stored     which password is right
//!   $argon2id$...      the one that was hashed: every account of this server's own
//!   sha224$argon2id$.. the one whose SHA-224 (56 hexadecimal digits) was hashed, and these digits: accounts of sponge, whose
//!                      client sends the digits at a login by hand, and the password when it connects again
//!   !                  none: an account that is locked
//! ```

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use sha2::{Digest, Sha224, Sha256};
use subtle::ConstantTimeEq;

use crate::config::PasswordCost;
use crate::ids::hex;
use crate::store::TokenHash;

/// Salt and hash lengths that RFC 9106 recommends.
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// A hash in the database that wants more memory than this (1 GiB) is not computed.
const BLOCKS_MAX: usize = 1 << 20;

/// What is stored of an account into which no password leads.
pub(crate) const LOCKED: &str = "!";

/// Ahead of the PHC string of an account whose client may send the SHA-224 of what its user has typed.
const OF_DIGITS: &str = "sha224";

/// The digits of a SHA-224.
const SHA224_DIGITS: usize = 56;

/// What can go wrong besides a wrong password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The stored text is no Argon2 PHC string this binary can check.
    #[error("a stored password hash cannot be checked: {0}")]
    Unreadable(String),
    /// The system has no randomness to give.
    #[error("no random numbers: {0}")]
    NoRandomness(String),
}

/// Hashes and checks passwords. Owned by one thread; keeps its memory (19 MiB by default) between calls.
pub struct Hasher {
    cost: PasswordCost,
    memory: Vec<Block>,
}

impl Hasher {
    /// A hasher that makes new hashes at this cost. Takes no memory yet.
    #[must_use]
    pub fn new(cost: PasswordCost) -> Self {
        Self { cost, memory: Vec::new() }
    }

    /// The PHC string of a new password.
    ///
    /// # Errors
    /// No randomness for the salt.
    pub fn hash(&mut self, password: &str) -> Result<String, PasswordError> {
        let mut salt = [0; SALT_BYTES];
        fill_random(&mut salt)?;
        let params = Params::new(self.cost.memory_kib, self.cost.passes, 1, Some(HASH_BYTES)).map_err(unreadable)?;
        let mut hash = [0; HASH_BYTES];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        self.compute(&argon2, password, &salt, &mut hash)?;
        let phc = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(unreadable)?,
            salt: Some(Salt::new(&salt).map_err(unreadable)?),
            hash: Some(Output::new(&hash).map_err(unreadable)?),
        };
        Ok(phc.to_string())
    }

    /// What is stored of a password that a user types, or that the client has made [`sha224_digits`] of, where either is to
    /// lead into the account.
    ///
    /// # Errors
    /// As [`Hasher::hash`].
    pub(crate) fn hash_for_digits(&mut self, password: &str) -> Result<String, PasswordError> {
        self.hash(&sha224_digits(password)).map(|phc| format!("{OF_DIGITS}{phc}"))
    }

    /// What is stored of the password of a new account. One that looks like a SHA-224 comes from a client that makes such digits of what
    /// its user types, and that may send what was typed another time: both lead in.
    ///
    /// # Errors
    /// As [`Hasher::hash`].
    pub(crate) fn hash_first(&mut self, password: &str) -> Result<String, PasswordError> {
        if sha224_digits(password) == password { self.hash_for_digits(password) } else { self.hash(password) }
    }

    /// What is stored of a new password in the place of `stored`: whatever led in besides the old password does so besides the
    /// new one.
    ///
    /// # Errors
    /// As [`Hasher::hash`].
    pub(crate) fn hash_like(&mut self, password: &str, stored: &str) -> Result<String, PasswordError> {
        if stored.starts_with(OF_DIGITS) { self.hash_for_digits(password) } else { self.hash(password) }
    }

    /// Whether `password` is the one of what is stored. It takes as long when that is none.
    ///
    /// # Errors
    /// What is stored is damaged, or asks for more memory than allowed.
    pub(crate) fn verify(&mut self, password: &str, stored: &str) -> Result<bool, PasswordError> {
        if stored == LOCKED {
            return self.pretend(password).map(|()| false);
        }
        match stored.strip_prefix(OF_DIGITS) {
            Some(phc) => self.verify_phc(&sha224_digits(password), phc),
            None => self.verify_phc(password, stored),
        }
    }

    fn verify_phc(&mut self, password: &str, phc: &str) -> Result<bool, PasswordError> {
        let stored = PasswordHash::new(phc).map_err(unreadable)?;
        let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(unreadable)?;
        let version = stored.version.map_or(Ok(Version::V0x13), Version::try_from).map_err(unreadable)?;
        let params = Params::try_from(&stored).map_err(unreadable)?;
        let (Some(salt), Some(expected)) = (stored.salt, stored.hash) else {
            return Err(unreadable("salt or hash is missing"));
        };
        let mut computed = vec![0; expected.len()];
        let argon2 = Argon2::new(algorithm, version, params);
        self.compute(&argon2, password, salt.as_ref(), &mut computed)?;
        Ok(computed.ct_eq(expected.as_bytes()).into())
    }

    /// Spends the time of a check, so that an unknown account answers no sooner than a wrong password.
    ///
    /// # Errors
    /// As [`Hasher::hash`].
    pub(crate) fn pretend(&mut self, password: &str) -> Result<(), PasswordError> {
        self.hash(password).map(|_| ())
    }

    fn compute(
        &mut self,
        argon2: &Argon2<'_>,
        password: &str,
        salt: &[u8],
        out: &mut [u8],
    ) -> Result<(), PasswordError> {
        let blocks = argon2.params().block_count();
        if blocks > BLOCKS_MAX {
            return Err(unreadable("it asks for more than 1 GiB of memory"));
        }
        if self.memory.len() < blocks {
            self.memory.resize(blocks, Block::default());
        }
        argon2
            .hash_password_into_with_memory(password.as_bytes(), salt, out, &mut self.memory[..blocks])
            .map_err(unreadable)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn unreadable(error: impl ToString) -> PasswordError {
    PasswordError::Unreadable(error.to_string())
}

fn fill_random(bytes: &mut [u8]) -> Result<(), PasswordError> {
    getrandom::fill(bytes).map_err(|error| PasswordError::NoRandomness(error.to_string()))
}

/// The SHA-224 of a password in hexadecimal digits; a text that is such digits already stands for itself.
fn sha224_digits(password: &str) -> String {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if password.len() == SHA224_DIGITS && password.bytes().all(is_digit) {
        return password.to_owned();
    }
    hex(&Sha224::digest(password.as_bytes()))
}

/// A new resume token: 256 random bits in hexadecimal.
///
/// # Errors
/// The system has no randomness to give.
pub(crate) fn new_token() -> Result<String, PasswordError> {
    let mut bytes = [0; 32];
    fill_random(&mut bytes)?;
    Ok(hex(&bytes))
}

/// What is stored of a token. A token is random, so a plain hash is enough.
#[must_use]
pub fn token_hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::token_key;

    const CHEAP: PasswordCost = PasswordCost { memory_kib: 8, passes: 1 };

    #[test]
    fn a_password_is_known_again() {
        let mut hasher = Hasher::new(CHEAP);
        let phc = hasher.hash("geheim").unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{phc}");
        assert!(hasher.verify("geheim", &phc).unwrap());
        assert!(!hasher.verify("Geheim", &phc).unwrap());
        assert_ne!(phc, hasher.hash("geheim").unwrap(), "salted");
    }

    #[test]
    fn the_cost_may_change_later() {
        let phc = Hasher::new(CHEAP).hash("x").unwrap();
        let mut dearer = Hasher::new(PasswordCost { memory_kib: 64, passes: 2 });
        dearer.pretend("x").unwrap();
        assert!(dearer.verify("x", &phc).unwrap());
    }

    #[test]
    fn a_damaged_hash_is_an_error_not_a_match() {
        let mut hasher = Hasher::new(CHEAP);
        for phc in [
            "",
            "x",
            "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ",
            "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
        ] {
            assert!(hasher.verify("x", phc).is_err(), "{phc}");
        }
    }

    #[test]
    fn into_a_locked_account_no_password_leads() {
        let mut hasher = Hasher::new(CHEAP);
        for password in ["", LOCKED, "x"] {
            assert!(!hasher.verify(password, LOCKED).unwrap());
        }
    }

    #[test]
    fn a_password_and_its_digits_lead_into_the_same_account() {
        let digits = "f8cdb04495ded47615258f9dc6a3f4707fd2405434fefc3cbf4ef4e6";
        let mut hasher = Hasher::new(CHEAP);
        for stored in [hasher.hash_for_digits("123456").unwrap(), hasher.hash_for_digits(digits).unwrap()] {
            assert!(stored.starts_with("sha224$argon2id$") && stored.len() <= 255, "{stored}");
            for (password, is_right) in
                [("123456", true), (digits, true), ("1234567", false), ("", false), (&digits.to_uppercase(), false)]
            {
                assert_eq!(hasher.verify(password, &stored).unwrap(), is_right, "{password}");
            }
        }
        let plain = hasher.hash("123456").unwrap();
        let (like_plain, like_digits) =
            (hasher.hash_like("x", &plain).unwrap(), hasher.hash_like("123456", "sha224$").unwrap());
        assert!(like_plain.starts_with("$argon2id$") && hasher.verify(digits, &like_digits).unwrap());
        assert!(!hasher.verify(digits, &plain).unwrap(), "not into an account that is no such one");
    }

    #[test]
    fn tokens_differ_and_hash_to_themselves() {
        let (one, two) = (new_token().unwrap(), new_token().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), 64);
        assert_eq!(token_hash(&one), token_hash(&one));
        assert_ne!(token_key(&token_hash(&one)), token_key(&token_hash(&two)));
    }
}
