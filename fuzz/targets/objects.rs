//! Feeds bytes that libFuzzer makes up to the body of the same name.
#![no_main]

#[path = "../bodies/objects.rs"]
mod objects;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| objects::run(bytes));
