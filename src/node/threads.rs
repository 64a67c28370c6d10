//! The threads of a node: started with its parts, and stopped in the order in which work flows.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use rustls::ServerConfig;

use super::parts::Parts;
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::cursors::writer;
use crate::delivery::lanes;
use crate::dialects::Rules;
use crate::dialects::protocol::Translated;
use crate::metrics::Metrics;
use crate::net::bounds::Bounds;
use crate::net::http::{Files, Site};
use crate::net::mailbox::{Inbox, ReactorHandle};
use crate::net::reactor::{self, Preamble};
use crate::session::message::ReactorMessage;
use crate::session::protocol::ChatProtocol;
use crate::start_error::{StartError, io_error};
use crate::store::OpenStore;
use crate::web;
use crate::workers::{pool, sweeper};

/// A PROXY header must come within this time.
const PROXY_HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Time kept at the end of a shutdown for what comes after the reactors.
const SHUTDOWN_RESERVE: Duration = Duration::from_secs(2);

/// The running threads of a node. Owned by the thread that started them.
pub(crate) struct Threads {
    reactors: Vec<JoinHandle<()>>,
    lanes: Vec<JoinHandle<()>>,
    workers: Vec<JoinHandle<()>>,
    sweeper: JoinHandle<()>,
    stop_sweeper: Sender<()>,
    cursor_writer: JoinHandle<()>,
    stop_cursor_writer: Sender<()>,
}

/// What the threads of a node need besides its parts.
pub(crate) struct Means<'a> {
    pub(crate) config: &'a Config,
    pub(crate) clock: Clock,
    /// What the reactors wait at, in the order of the mailboxes that the parts were given.
    pub(crate) inboxes: Vec<Inbox<ReactorMessage>>,
    /// How TLS is spoken; `None`: not at all.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    pub(crate) metrics: Arc<Metrics>,
    /// For the sweeper, and for a worker whose connection a panic has spoilt.
    pub(crate) stores: Arc<dyn OpenStore>,
}

impl Parts {
    /// Runs each part on a thread of its own.
    ///
    /// # Errors
    /// The system gives no more threads. Those that run already end by themselves, or with the process.
    pub(crate) fn spawn(self, means: Means<'_>) -> Result<Threads, StartError> {
        let Self { reactors, lanes, workers, queues, cursor_writer, nudged, sweep_asked, .. } = self;
        let Means { config, clock, inboxes, tls, metrics, stores } = means;
        let (stop_cursor_writer, cursor_writer_stopped) = bounded(0);
        let cursor_writer = writer::start(cursor_writer, nudged, cursor_writer_stopped)
            .map_err(io_error("cannot start the cursor writer"))?;
        let (stop_sweeper, sweeper_stopped) = bounded(0);
        let sweeper = sweeper::start(Arc::clone(&stores), clock, sweep_asked, sweeper_stopped)
            .map_err(io_error("cannot start the sweeper"))?;
        let mut workers = pool::start(workers, &queues, &stores).map_err(io_error("cannot start the workers"))?;
        let hashing = pool::start_hashing(config.hashing_threads, config.password, &queues, clock);
        workers.extend(hashing.map_err(io_error("cannot start the threads that hash passwords"))?);
        let lanes = lanes::start(lanes).map_err(io_error("cannot start the lanes"))?;
        let settings = reactor_settings(config, tls, metrics);
        let rules = Arc::new(Rules::new(&config.dialects));
        let reactors = inboxes.into_iter().zip(reactors).enumerate().map(|(number, (inbox, protocol))| {
            start_reactor(number, inbox, settings.clone(), Translated::new(protocol, Arc::clone(&rules)))
        });
        let reactors = reactors.collect::<Result<_, _>>()?;
        Ok(Threads { reactors, lanes, workers, sweeper, stop_sweeper, cursor_writer, stop_cursor_writer })
    }
}

/// What holds for the connections of every reactor.
pub(crate) fn bounds(config: &Config) -> Bounds {
    let files = if config.web_client { web::files(config.web_folder.as_deref()) } else { Files::None };
    let site = Site { origins: config.web_origins.clone(), hosts: config.web_hosts.clone(), files };
    Bounds {
        line_bytes: config.limits.line_bytes,
        outbox_bytes: config.limits.outbox_bytes,
        stall: config.limits.stall,
        site: Some(Arc::new(site)),
    }
}

fn reactor_settings(config: &Config, tls: Option<Arc<ServerConfig>>, metrics: Arc<Metrics>) -> reactor::Settings {
    let Bounds { line_bytes, outbox_bytes, stall, site } = bounds(config);
    reactor::Settings {
        line_bytes,
        outbox_bytes,
        stall,
        preamble: if config.proxy_protocol { Preamble::ProxyHeader(PROXY_HEADER_TIMEOUT) } else { Preamble::None },
        site,
        tls,
        metrics,
    }
}

fn start_reactor(
    number: usize,
    inbox: Inbox<ReactorMessage>,
    settings: reactor::Settings,
    protocol: Translated<ChatProtocol>,
) -> Result<JoinHandle<()>, StartError> {
    let run = move || {
        if let Err(error) = reactor::run(inbox, settings, protocol) {
            log::error!("a reactor has ended: {error}");
        }
    };
    let thread = thread::Builder::new().name(format!("reactor-{number}")).spawn(run);
    thread.map_err(io_error("cannot start a reactor"))
}

impl Threads {
    /// Stops in the order in which work flows: whatever was taken up is finished. Returns at about `deadline`, whatever
    /// hangs. `reactors` are the doors to all of them.
    pub(crate) fn stop(self, reactors: Vec<ReactorHandle<ReactorMessage>>, deadline: Instant) {
        drop(self.stop_sweeper);
        for reactor in &reactors {
            // A reactor that has ended already has nothing to stop.
            let _ = reactor.stop(deadline.checked_sub(SHUTDOWN_RESERVE).unwrap_or(deadline));
        }
        drop(reactors);
        join_all(self.reactors, deadline, "reactors");
        // The reactors held the entrances of lanes and workers: these finish what is queued and end.
        join_all(self.lanes, deadline, "lanes");
        join_all(self.workers, deadline, "workers");
        join_all(vec![self.sweeper], deadline, "sweeper");
        drop(self.stop_cursor_writer);
        join_all(vec![self.cursor_writer], deadline, "cursor-writer");
    }
}

/// Waits for threads to end, but not beyond the deadline.
fn join_all(threads: Vec<JoinHandle<()>>, deadline: Instant, who: &str) {
    let (done, joined) = bounded(1);
    let join = move || {
        for thread in threads {
            // A panic has been logged by the hook.
            let _ = thread.join();
        }
        let _ = done.send(());
    };
    let started = thread::Builder::new().name("joiner".to_owned()).spawn(join);
    if started.is_err() || joined.recv_deadline(deadline).is_err() {
        log::warn!("the {who} did not end in time");
    }
}
