//! Redis behind sentinels: which server is the master, asked again and again, and followed.
//!
//! ```text
//!   lookout (a thread) --every second--> sentinels --what they say--> sentinel_state: stay, move, or leave
//! ```

pub(super) mod lookout;
pub(super) mod sentinel_state;
pub(super) mod sentinels;
