//! The protocol as a client sees it, on one node with the embedded database: every scenario, then lines and errors.

mod common;
#[path = "protocol/errors.rs"]
mod errors;
#[path = "protocol/lines.rs"]
mod lines;

use std::sync::Arc;

use common::node::Node;
use common::shared::Shared;

static NODE: Shared<Node> = Shared::new();

/// The node of all tests in this file.
fn node() -> Arc<Node> {
    NODE.get(|| Node::start(&[]))
}

test_every_scenario!(crate::node);
