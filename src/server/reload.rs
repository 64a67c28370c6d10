//! SIGHUP: the settings are read again from where they came, and what can change while the server runs does.
//!
//! ```text
//!   read all sources -> compare with what counts -> try what can fail -> tell everybody
//!      a problem            neither live nor equal:       a problem
//!      changes nothing      named, at the next start      changes nothing
//! ```

use std::sync::{Arc, Weak};
use std::thread;

use crossbeam_channel::Receiver;

use super::certificate;
use crate::config::{Config, Effective, Problems, Reread};
use crate::descriptors;
use crate::logging;
use crate::net::acceptor::ConnectionsMax;
use crate::net::mailbox::ReactorHandle;
use crate::net::tls::Certificate;
use crate::node;
use crate::readiness::Readiness;
use crate::service::ctx::Shared;
use crate::session::message::ReactorMessage;
use crate::start_error::{StartError, io_error};
use crate::store::OpenStore;
use crate::workers::retention;

/// Reads the settings again from where they came.
pub type Again = Box<dyn Fn() -> Result<Effective, Problems> + Send>;

/// Whom new settings are told, and what they are made from.
pub(super) struct Reloader {
    pub(super) again: Again,
    /// The settings as they were given; in the node they may be narrower where the machine is.
    pub(super) given: Config,
    pub(super) database_connections: usize,
    pub(super) certificate: Option<Arc<Certificate>>,
    /// Weak: this thread is not waited for at the end, and must not keep the database open.
    pub(super) stores: Weak<dyn OpenStore>,
    pub(super) shared: Arc<Shared>,
    pub(super) reactors: Vec<ReactorHandle<ReactorMessage>>,
    pub(super) connections_max: ConnectionsMax,
    pub(super) retention: retention::Door,
    pub(super) readiness: Arc<Readiness>,
}

/// Reloads at each of these, on a thread of its own: a reactor whose mailbox is full must not hold up the other signals.
pub(super) fn start(mut reloader: Reloader, hangups: Receiver<()>) -> Result<(), StartError> {
    let run = move || hangups.into_iter().for_each(|()| reloader.reload());
    thread::Builder::new().name("reload".to_owned()).spawn(run).map_err(io_error("cannot start the reloader"))?;
    Ok(())
}

impl Reloader {
    fn reload(&mut self) {
        self.readiness.reloading();
        match self.try_reload() {
            Ok(status) => {
                log::info!("SIGHUP: {status}");
                self.readiness.reloaded("serving; the settings were read again");
            }
            Err(problems) => {
                for problem in problems.lines() {
                    log::error!("SIGHUP changes nothing: {problem}");
                }
                self.readiness.reloaded("serving with the settings of before: the new ones are wrong, see the log");
            }
        }
    }

    /// What has changed, in words.
    fn try_reload(&mut self) -> Result<String, String> {
        let read = (self.again)().map_err(|problems| problems.to_string())?;
        let Reread { config: given, changed, waiting } = Reread::between(&self.given, &read.config);
        let connections_max =
            descriptors::connections_allowed(&given, self.database_connections).map_err(|error| error.to_string())?;
        self.check_database(&given)?;
        if let (Some(certificate), Some((cert, key))) = (&self.certificate, given.tls.pair()) {
            // The last thing that can fail: it takes effect at once.
            certificate
                .reload(cert, key)
                .map_err(|error| format!("the certificate of before stays in use: {error}"))?;
        }
        certificate::tell_expiry(self.certificate.as_deref(), &self.shared.metrics, self.shared.clock.wall());
        for warning in read.warnings() {
            log::warn!("{warning}");
        }
        self.tell(&given, connections_max);
        if !logging::follow(given.log) && changed.contains(&"log.level") {
            log::warn!("log.level does not count while the variable RUST_LOG is set");
        }
        for key in waiting {
            log::warn!("SIGHUP: {key} has changed: it takes effect at the next start");
        }
        self.given = given;
        let certificate = if self.certificate.is_some() {
            "; new connections are shown the certificate that tls.cert holds now"
        } else {
            ""
        };
        Ok(match changed.as_slice() {
            [] => format!("no setting has changed that can while the server runs{certificate}"),
            keys => format!("these settings have changed: {}{certificate}", keys.join(", ")),
        })
    }

    /// A longer line must fit into what the database takes.
    fn check_database(&self, given: &Config) -> Result<(), String> {
        if given.mysql.is_none() || given.limits.line_bytes <= self.given.limits.line_bytes {
            return Ok(());
        }
        let Some(stores) = self.stores.upgrade() else { return Ok(()) };
        let found = stores.inspect(given.limits.line_bytes).map_err(|error| {
            format!("limits.line_bytes is to grow, and the database cannot be asked whether it takes that: {error}")
        })?;
        if found.problems.is_empty() { Ok(()) } else { Err(found.problems.join("; ")) }
    }

    fn tell(&self, given: &Config, connections_max: usize) {
        let config = Arc::new(descriptors::leaving_room_for_others(given, connections_max));
        let Shared { settings, budgets, attempts, .. } = &*self.shared;
        settings.replace(Arc::clone(&config));
        budgets.hold_to(&config.limits, &config.quota);
        attempts.hold_to(config.limits.logins_per_minute);
        self.connections_max.set(connections_max);
        self.retention.keep_for(config.retention_days);
        for reactor in &self.reactors {
            // A reactor that has ended has nothing to hold to.
            let _gone = reactor.hold_to(node::bounds(&config));
            let _gone = reactor.post(ReactorMessage::Settings(Arc::clone(&config)));
        }
    }
}
