//! Argon2id passwords and resume tokens. One [`Hasher`] per thread keeps the memory Argon2 works in.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::PasswordCost;
use crate::ids::hex;
use crate::store::TokenHash;

/// Salt and hash lengths that RFC 9106 recommends.
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// A hash in the database that wants more memory than this (1 GiB) is not computed.
const BLOCKS_MAX: usize = 1 << 20;

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

    /// Whether `password` is the one of this PHC string.
    ///
    /// # Errors
    /// The string is damaged, or asks for more memory than allowed.
    pub(crate) fn verify(&mut self, password: &str, phc: &str) -> Result<bool, PasswordError> {
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
    fn tokens_differ_and_hash_to_themselves() {
        let (one, two) = (new_token().unwrap(), new_token().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), 64);
        assert_eq!(token_hash(&one), token_hash(&one));
        assert_ne!(token_key(&token_hash(&one)), token_key(&token_hash(&two)));
    }
}
