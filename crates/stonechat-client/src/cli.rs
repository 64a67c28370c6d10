//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Chats with a Stonechat server, in a terminal or from a script.
///
/// Without flags: the account of the last time, or questions at the first start. /help in it lists the commands.
#[derive(Parser, Debug)]
#[command(name = "stonechat-client", version, after_long_help = AFTER)]
pub(crate) struct Cli {
    /// The server, with tls:// ahead of it over TLS; without a port it is 8000 [default: that of the last time]
    #[arg(long, env = "CHAT_SERVER", value_name = "[tls://]HOST[:PORT]", global = true)]
    pub(crate) server: Option<String>,
    /// Over TLS: trust the authorities in this PEM file, and no others [default: that of the last time at this server, or
    /// the system's]
    #[arg(long, env = "CHAT_CA", value_name = "FILE", global = true)]
    pub(crate) ca: Option<PathBuf>,
    /// The account's name [default: that of the last time]
    #[arg(long, env = "CHAT_USER", value_name = "NAME", global = true)]
    pub(crate) user: Option<String>,
    /// Create the account
    #[arg(long, global = true)]
    pub(crate) register: bool,
    /// Where token, outbox and marks are kept [default: $XDG_STATE_HOME/stonechat or ~/.local/state/stonechat]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) state: Option<PathBuf>,
    /// Line by line, for pipes and simple terminals; also when stdout is no terminal
    #[arg(long)]
    pub(crate) plain: bool,
    #[command(subcommand)]
    pub(crate) action: Option<Action>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Action {
    /// Sends one message and waits until the server has stored it
    Send {
        /// A user's name or number, or #group; a name in quotes is always a name
        to: String,
        /// The text; - reads it from stdin. Options may stand anywhere; behind -- all is text
        #[arg(required = true, num_args = 1..)]
        text: Vec<String>,
        /// How long to wait for the server; then the message stays in the outbox for the next start
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        timeout: u64,
    },
    /// Prints every message that comes, one JSON object per line
    Tail,
}

const AFTER: &str = "\
Environment: CHAT_SERVER, CHAT_CA and CHAT_USER as the flags; CHAT_PASSWORD for the first login of a script (the token that it
yields is kept, the password never is).

Names: 7 is the user with that number, \"7\" (with the quotes) the one with that name; #chess is a group, \"#lea\" a user.
\\\" is a quote within quotes. A shell takes quotes away: stonechat-client send '\"7\"' hello

Exit codes: 0 done; 1 refused by the server, with --plain also a line that could not be carried out; 2 wrong usage; 3 no server within the time (what was to be sent stays in
the outbox); 4 not logged in.";
