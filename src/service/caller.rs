//! Who asks.

use std::sync::Arc;

use super::limits::address::AddressKey;
use crate::ids::{DeviceId, UserId};
use crate::net::ConnId;
use crate::store::TokenHash;
use crate::wants::Wants;

/// Who asks, on a connection that is not logged in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guest {
    /// The connection.
    pub conn: ConnId,
    /// The client's address.
    pub from: AddressKey,
}

/// Who asks, on a connection that is.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The connection.
    pub conn: ConnId,
    /// The user.
    pub user: UserId,
    /// The user's name.
    pub name: Arc<str>,
    /// The user's device.
    pub device: DeviceId,
    /// The client's address.
    pub from: AddressKey,
    /// The hash of the token this session holds.
    pub token: TokenHash,
    /// What it wants to be told besides messages.
    pub wants: Wants,
}
