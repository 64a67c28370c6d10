//! Every entrance for bytes from outside takes the corpus and blind mutations of it, without a fuzzer's instruments: so the
//! targets of scripts/fuzz, which is guided by coverage and has the longer breath, never rot.
#![allow(unreachable_pub, reason = "the modules of a test have no outside")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "allow-unwrap-in-tests misses what is no #[test]; the time is a budget"
)]

#[path = "../fuzz/bodies/mod.rs"]
mod bodies;
#[path = "common/noise.rs"]
#[allow(dead_code, missing_docs, reason = "a part of it is used")]
mod noise;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use noise::Noise;

/// How long each target is tried.
const BUDGET: Duration = Duration::from_secs(5);

/// The corpus as it is, then mutations until the budget is used up.
#[expect(clippy::print_stdout, reason = "how much was tried belongs to the result")]
fn try_out(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let corpus: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(!corpus.is_empty(), "{} is empty", folder.display());
    for input in &corpus {
        run(input);
    }
    let (begun, mut noise, mut runs) = (Instant::now(), Noise::from_seed(1), 0_u64);
    while begun.elapsed() < BUDGET {
        run(&mutated(&corpus, &mut noise));
        runs += 1;
    }
    println!("fuzzing/{target}: {} files and {runs} mutations of them", corpus.len());
}

/// One input with some bytes changed, cut out, doubled, or taken from another.
fn mutated(corpus: &[Vec<u8>], noise: &mut Noise) -> Vec<u8> {
    let mut bytes = corpus[noise.below(corpus.len())].clone();
    for _ in 0..=noise.below(4) {
        let at = noise.below(bytes.len() + 1);
        let end = at + noise.below(bytes.len() - at + 1);
        match noise.below(5) {
            0 => _ = bytes.drain(at..end),
            1 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            2 => {
                let other = &corpus[noise.below(corpus.len())];
                let from = noise.below(other.len() + 1);
                bytes.splice(at..end, other[from..].iter().copied());
            }
            3 => bytes.splice(at..at, noise.bytes(3)).for_each(drop),
            _ => bytes[at..end].iter_mut().take(4).for_each(|byte| *byte ^= 1 << noise.below(8)),
        }
        bytes.truncate(4096);
    }
    bytes
}

#[test]
fn the_framer_cuts_any_split_alike() {
    try_out("framer", bodies::framer::run);
}

#[test]
fn objects_are_cut_alike_however_they_are_split() {
    try_out("objects", bodies::objects::run);
}

#[test]
fn websocket_frames_are_messages_however_they_are_split() {
    try_out("websocket", bodies::websocket::run);
}

#[test]
fn a_request_is_answered_alike_in_whatever_pieces_it_comes() {
    try_out("http", bodies::http::run);
}

#[test]
fn requests_break_no_line() {
    try_out("request", bodies::request::run);
}

#[test]
fn a_proxy_header_has_one_verdict() {
    try_out("proxy", bodies::proxy::run);
}

#[test]
fn settings_are_taken_or_refused_with_reasons() {
    try_out("settings", bodies::settings::run);
}

#[test]
fn a_session_answers_every_line_once() {
    try_out("session", bodies::session::run);
}
