//! What serves administrators: the pages, the address, the unix socket, and the thread that does what they ask.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::ServerConfig;

use crate::admin::desk::{Desk, Means};
use crate::admin::{Admin, AdminToken, Pages};
use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::start_error::{StartError, io_error, listen_error};

/// What answers from the beginning: a start may take minutes when the database has to be upgraded.
pub(super) struct Door {
    pages: Arc<Pages>,
    address: Option<Admin>,
}

impl Door {
    /// Serves the pages for everybody where the settings say.
    ///
    /// # Errors
    /// The token cannot be read, or the address cannot be had.
    pub(super) fn open(
        config: &Config,
        tls: Option<&Arc<ServerConfig>>,
        metrics: &Arc<Metrics>,
        readiness: &Arc<Readiness>,
    ) -> Result<Self, StartError> {
        let token = config.admin_token_file.as_deref().map(AdminToken::read).transpose();
        let token = token.map_err(StartError::AdminToken)?;
        let readiness = Arc::clone(readiness);
        let ready = move || readiness.verdict(Clock::system().now());
        let pages = Arc::new(Pages::new(Arc::clone(metrics), token, ready));
        let listen = |address: SocketAddr| {
            let admin =
                Admin::start(address, tls.cloned(), Arc::clone(&pages)).map_err(listen_error(address, "admin"))?;
            if let Some(address) = admin.local_addr() {
                log::info!("/healthz and /metrics answer at {address}; /readyz says 503 until all is ready");
            }
            Ok::<_, StartError>(admin)
        };
        let address = config.admin.map(listen).transpose()?;
        Ok(Self { pages, address })
    }

    /// Where it is, if anywhere.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.address.as_ref().and_then(Admin::local_addr)
    }

    /// From now on administrators are served: at the address, and at a socket of this machine.
    ///
    /// # Errors
    /// The socket of the settings cannot be had, or no thread.
    pub(super) fn admit(&self, config: &Config, means: Means) -> Result<Administration, StartError> {
        let (desk, thread) = Desk::start(means).map_err(io_error("cannot start the administrators' thread"))?;
        self.pages.open(desk);
        Ok(Administration { thread, socket: self.listen_here(config)? })
    }

    /// Where nobody has asked for a socket, the node does without one.
    fn listen_here(&self, config: &Config) -> Result<Option<Admin>, StartError> {
        let Some(path) = config.admin_socket_path() else { return Ok(None) };
        let shown = path.display();
        match Admin::start_at(&path, Arc::clone(&self.pages)) {
            Ok(admin) => {
                log::info!("administrators of this machine are served at {shown}");
                Ok(Some(admin))
            }
            Err(error) if config.admin_socket.is_none() => {
                log::warn!("there is no {shown} for `stonechat admin`: {error}; admin_socket names another place");
                Ok(None)
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                Err(io_error(format!("admin_socket: another server listens at {shown}"))(error))
            }
            Err(error) => Err(io_error(format!("admin_socket: cannot listen at {shown}"))(error)),
        }
    }

    /// Closes what is left, as the last thing of all.
    pub(super) fn close(self) {
        if let Some(address) = self.address {
            address.stop();
        }
    }
}

/// What is only there while the node is.
pub(super) struct Administration {
    socket: Option<Admin>,
    thread: JoinHandle<()>,
}

impl Administration {
    /// What was taken is done; nothing more is.
    pub(super) fn close(self, door: &Door) {
        door.pages.close();
        if self.thread.join().is_err() {
            log::error!("admin: the thread that does what administrators ask for panicked");
        }
        if let Some(socket) = self.socket {
            socket.stop();
        }
    }
}
