//! What the code of one reactor works with, whatever session a call is about.

use std::sync::Arc;

use crate::config::Config;
use crate::delivery::lanes::Lanes;
use crate::service::ctx::Shared;
use crate::service::routes::Table;
use crate::workers::pool::Workers;

/// What every call needs besides the session it is about. Shared by nothing but this reactor's code.
pub struct ReactorCtx {
    /// What all threads share.
    pub shared: Arc<Shared>,
    /// The settings, as this reactor has been told them last.
    pub config: Arc<Config>,
    /// The handler table.
    pub table: Arc<Table>,
    /// The entrances of the lanes.
    pub lanes: Lanes,
    /// The entrances to the workers.
    pub workers: Workers,
}
