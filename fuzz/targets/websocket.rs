//! Feeds bytes that libFuzzer makes up to the body of the same name.
#![no_main]

#[path = "../bodies/websocket.rs"]
mod websocket;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| websocket::run(bytes));
