//! What the fuzzer calls with bytes of its own making, one file per entrance. Each `run` panics when a promise is broken.
//!
//! ```text
//!   scripts/fuzz       libFuzzer, guided by coverage, as long as wanted     fuzz/targets/*.rs --\
//!                                                                                                bodies/*.rs
//!   cargo test         the corpus and blind mutations of it, some seconds   tests/fuzzing.rs --/
//! ```

pub mod framer;
pub mod http;
pub mod objects;
pub mod proxy;
pub mod request;
pub mod session;
pub mod settings;
pub mod websocket;
