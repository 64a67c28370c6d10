//! A Redis Cluster: which server has which slots, and what that means for subscriptions and commands.
//!
//! ```text
//!   scout (a thread) --asks some servers--> seeds --their tables--> topology: whose word counts
//!                                                                      |
//!                      subscriptions of each server <-- shards <-------+-------> shard_pipes: commands to each server
//!                                                          slots: which slot a channel is in
//! ```

pub(super) mod scout;
pub(super) mod seeds;
pub(super) mod shard_pipes;
pub(super) mod shards;
pub(super) mod slots;
pub(super) mod topology;
