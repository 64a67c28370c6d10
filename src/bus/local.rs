//! The bus of a single node.
