//! What the watchdog watches: every reactor, and every lane.

use std::sync::Arc;

use crate::delivery::pulse::Pulse;
use crate::metrics::Metrics;
use crate::net::mailbox::ReactorHandle;
use crate::session::message::ReactorMessage;
use crate::start_error::{StartError, io_error};
use crate::systemd::notify::Notifier;
use crate::systemd::watchdog::{Life, Watchdog, Watched};

/// Watches the threads, if the supervisor wants that.
pub(super) fn start(
    supervisor: &Notifier,
    reactors: &[ReactorHandle<ReactorMessage>],
    lanes: &[Arc<Pulse>],
    metrics: &Arc<Metrics>,
) -> Result<Option<Watchdog>, StartError> {
    let reactors = reactors.iter().cloned().map(|reactor| Watched {
        name: format!("reactor-{}", reactor.reactor()),
        look: Box::new(move |_| Life::Turns(reactor.asked_for_a_turn())),
    });
    let lanes = lanes.iter().cloned().enumerate().map(|(number, pulse)| Watched {
        name: format!("lane-{number}"),
        look: Box::new(move |now| pulse.owed(now).map_or(Life::Waits, Life::Turns)),
    });
    let metrics = Arc::clone(metrics);
    let status =
        move || format!("serving: {} connections, {} sessions", metrics.connections.get(), metrics.sessions.get());
    Watchdog::start(supervisor, reactors.chain(lanes).collect(), status).map_err(io_error("cannot start the watchdog"))
}
