//! What a panic does.

use std::thread;

/// A reactor or a lane that has panicked would leave its clients hanging for ever: better a restart, by which nothing
/// acknowledged is lost. A worker's panic costs its one request.
pub(crate) fn abort_on_fatal_ones() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        let name = thread.name().unwrap_or("unnamed").to_owned();
        log::error!("thread {name} panicked: {panic}");
        if !(name.starts_with("worker") || name.starts_with("auth")) {
            std::process::abort();
        }
    }));
}
