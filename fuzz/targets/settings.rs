//! Feeds bytes that libFuzzer makes up to the body of the same name.
#![no_main]

#[path = "../bodies/settings.rs"]
mod settings;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| settings::run(bytes));
