//! Every setting: what the server is told before it starts. Read and checked as a whole.
//!
//! ```text
//!   default < file (TOML) < environment < flags       later wins          load.rs, file.rs
//!        \______|______________|__________/
//!                one table of keys                    name, bound, meaning keys.rs
//!                each with a kind                     text <-> field       kind.rs
//!                      |
//!                what must hold between two keys                           fit.rs
//!                secrets out of their files                                secret_file.rs
//!                      |
//!                   Config, and where each value came from                  settings.rs
//! ```
//!
//! While the server runs, SIGHUP has them read again (reread.rs), and they are replaced as a whole (current.rs).
//!
//! The table drives all of it: the file, the variables, `--set`, the listing of `check-config`, the help text and the
//! example file. A default stands in [`Config::default`] alone, a bound in the table alone.

mod backend_url;
mod current;
mod file;
mod fit;
mod help;
mod keys;
mod kind;
mod load;
mod logs;
mod network;
mod problem;
mod reread;
mod secret;
pub(crate) mod secret_file;
mod settings;
mod suggest;

pub(crate) use current::{Current, Held};
pub use help::{key_listing, variable_listing};
pub use load::{Effective, Flag, IMPORT_PASSWORD_VARIABLE, Setting, Sources, load, load_text};
pub use logs::{LogFormat, LogLevel, LogSettings};
pub use network::Networks;
pub use problem::{Origin, Problem, Problems};
pub(crate) use reread::Reread;
pub use secret::masked;
pub(crate) use settings::ADMIN_SOCKET;
pub use settings::{
    AcceptPolicy, Config, DialectSettings, Friending, Limits, MESSAGE_BYTES, MESSAGE_BYTES_MAX, PasswordCost, Quotas,
    Relative, SessionPolicy, StoreSettings, Synchronous, TlsFiles,
};
