//! `stonechat import`: its arguments.

use std::path::PathBuf;

use clap::Args;
use stonechat::config::{self, Flag};
use stonechat::import::{self, Options, Zone};
use stonechat::store::ClientDialect;

use super::database::Database;

/// What a person would try first.
const IMPORT_HELP: &str = "\
The password may be left out of the URL, which ps shows to all, and stand in --password-file or in the variable
STONECHAT_IMPORT_PASSWORD.

  stonechat import auto mysql://root@127.0.0.1/chat --password-file pw --data ./stonechat-data --dry-run
  stonechat import polaris mysql://root@127.0.0.1/chat --time-zone Asia/Shanghai --report report.jsonl";

#[derive(Args)]
#[command(after_help = IMPORT_HELP)]
pub(crate) struct Import {
    /// Whose database it is: course, qq, polaris, cmf, sponge or auto
    #[arg(value_parser = schema)]
    schema: Schema,
    /// The database: mysql://user:pw@host:port/db
    url: String,
    /// A file with the password of the URL's user, in its first line
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Writes nothing; the report tells what would be
    #[arg(long)]
    dry_run: bool,
    /// Writes the report into this file, too: a JSON object for each row that was changed or left out
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Hashes no passwords, which takes half an hour for 100,000 on two cores, and locks the accounts
    #[arg(long)]
    lock_passwords: bool,
    /// Where the machines were that have written the times of messages: Asia/Shanghai, +08:00 [default: this machine's]
    #[arg(long, value_name = "ZONE", value_parser = Zone::parse, allow_hyphen_values = true)]
    time_zone: Option<Zone>,
    #[command(flatten)]
    database: Database,
}

/// A system; `None`: whichever it is.
type Schema = Option<ClientDialect>;

fn schema(word: &str) -> Result<Schema, String> {
    match word {
        "auto" => Ok(None),
        name => ClientDialect::named(name).map(Some).ok_or_else(|| {
            "it must be course, qq, polaris, cmf or sponge, or auto to have the columns tell".to_owned()
        }),
    }
}

impl Import {
    /// The settings that this command's own flags make, and what else it says.
    pub(crate) fn split(self) -> Result<(Option<PathBuf>, Vec<Flag>, Options), String> {
        let (file, flags) = self.database.split();
        let password = match &self.password_file {
            Some(path) => Some(import::read_password(path)?),
            None => std::env::var(config::IMPORT_PASSWORD_VARIABLE).ok(),
        };
        let options = Options {
            schema: self.schema,
            url: self.url,
            password,
            is_dry: self.dry_run,
            report: self.report,
            locks_passwords: self.lock_passwords,
            zone: self.time_zone,
        };
        Ok((file, flags, options))
    }
}
