//! Feeds bytes that libFuzzer makes up to the body of the same name.
#![no_main]

#[path = "../bodies/http.rs"]
mod http;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| http::run(bytes));
