//! Who somebody is: passwords and their hashes, tokens, and what failed attempts cost.

pub mod attempts;
pub mod password;
pub(crate) mod token;
