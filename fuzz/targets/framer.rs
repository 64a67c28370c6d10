//! Feeds bytes that libFuzzer makes up to the body of the same name.
#![no_main]

#[path = "../bodies/framer.rs"]
mod framer;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| framer::run(bytes));
