//! Every setting: what the server is told before it starts. Read and checked once; afterwards nobody writes it.
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
//! The table drives all of it: the file, the variables, `--set`, the listing of `check-config`, the help text and the
//! example file. A default stands in [`Config::default`] alone, a bound in the table alone.

mod backend_url;
mod file;
mod fit;
mod help;
mod keys;
mod kind;
mod load;
mod network;
mod problem;
mod secret;
pub(crate) mod secret_file;
mod settings;
mod suggest;

pub use help::{key_listing, variable_listing};
pub use load::{Effective, Flag, IMPORT_PASSWORD_VARIABLE, Setting, Sources, load, load_text};
pub use network::Networks;
pub use problem::{Origin, Problem, Problems};
pub use secret::masked;
pub(crate) use settings::ADMIN_SOCKET;
pub use settings::{
    AcceptPolicy, Config, DialectSettings, Friending, Limits, MESSAGE_BYTES, MESSAGE_BYTES_MAX, PasswordCost, Quotas,
    Relative, SessionPolicy, StoreSettings, Synchronous, TlsFiles,
};
