//! What the tests share. Each test file uses its part of it.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "every test file compiles this and uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests; allow-unwrap-in-tests misses them"
)]

pub mod mariadb;
pub mod process;
pub mod redis;
