//! Flags and settings in, exit code out.

mod cli;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use stonechat::config::{self, Effective, Flag, Sources};
use stonechat::import::{self, Options};
use stonechat::{logging, server, top};

use crate::cli::Command;
use crate::cli::data::DataTask;

/// Something failed while running: a port is taken, the database is damaged.
const FAILED: u8 = 1;

/// The command line or the settings are wrong; clap's own exit code, too.
const BAD_CONFIGURATION: u8 = 2;

fn main() -> ExitCode {
    if let Some(code) = stonechat_generate::if_asked(cli::definition()) {
        return code;
    }
    logging::start();
    let cli = cli::parse();
    let (environment, mut flags) = (std::env::vars_os().collect(), cli.flags);
    let mut file = flags.config.take();
    let command = match cli.command {
        Some(Command::Top(top)) => return ended(top::run(&top.into())),
        Some(Command::Admin(admin)) => return admin.run(flags.data, file),
        command => command,
    };
    let mut settings = flags.into_settings();
    let task = match Task::of(command, &mut file, &mut settings) {
        Ok(task) => task,
        Err(problem) => return failed(problem, BAD_CONFIGURATION),
    };
    let sources = Sources { file, environment, flags: settings };
    let effective = match config::load(&sources) {
        Ok(effective) => effective,
        Err(problems) => return failed(problems, BAD_CONFIGURATION),
    };
    match task {
        Task::Check => return check(&effective),
        Task::Health => return health(&effective),
        Task::Import(_) | Task::Data(_) | Task::Serve => {}
    }
    logging::follow(effective.config.log);
    for warning in effective.warnings() {
        log::warn!("{warning}");
    }
    match task {
        Task::Import(options) => ended(import::run(&effective.config, &options)),
        Task::Data(task) => match task.run(&effective.config) {
            // What is wrong was told.
            Ok(false) => ExitCode::from(FAILED),
            how => ended(how.map(|_| ())),
        },
        Task::Check | Task::Health | Task::Serve => {
            ended(server::run(&effective.config, Box::new(move || config::load(&sources))))
        }
    }
}

fn ended(how: Result<(), impl Display>) -> ExitCode {
    match how {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error, FAILED),
    }
}

/// What is to be done with the settings.
enum Task {
    Serve,
    Check,
    Health,
    Import(Box<Options>),
    Data(DataTask),
}

impl Task {
    /// The command's own flags count before those ahead of it.
    fn of(command: Option<Command>, file: &mut Option<PathBuf>, settings: &mut Vec<Flag>) -> Result<Self, String> {
        let (task, own_file, flags) = match command {
            None => return Ok(Self::Serve),
            Some(Command::CheckConfig(mut flags)) => (Self::Check, flags.config.take(), flags.into_settings()),
            Some(Command::Health(mut flags)) => (Self::Health, flags.config.take(), flags.into_settings()),
            Some(Command::Import(import)) => {
                let (own_file, flags, options) = import.split()?;
                (Self::Import(Box::new(options)), own_file, flags)
            }
            Some(Command::Data(command)) => {
                let (task, own_file, flags) = command.split();
                (Self::Data(task), own_file, flags)
            }
            Some(Command::Top(_) | Command::Admin(_)) => return Err("this command has no settings".to_owned()),
        };
        *file = own_file.or_else(|| file.take());
        settings.extend(flags);
        Ok(task)
    }
}

/// `check-config`: the settings go to stdout, what is wrong to stderr.
fn check(effective: &Effective) -> ExitCode {
    if let Err(error) = print_settings(effective) {
        return failed(format_args!("cannot print the settings: {error}"), FAILED);
    }
    let store = server::try_store(&effective.config);
    let bus = server::try_bus(&effective.config);
    let certificate = server::try_certificate(&effective.config);
    let found = store.as_ref().ok();
    for server in found.iter().flat_map(|found| &found.servers) {
        say(server);
    }
    let found = found.iter().flat_map(|found| &found.warnings);
    for warning in effective.warnings().iter().chain(found).chain(certificate.iter().flatten()) {
        say(format_args!("warning: {warning}"));
    }
    let problems = [
        store.err().map(|e| format!("the database: {e}")),
        bus.err().map(|e| format!("Redis: {e}")),
        certificate.err(),
    ];
    problems.into_iter().flatten().fold(ExitCode::SUCCESS, |_, problem| failed(problem, FAILED))
}

/// `health`: what /readyz says goes to stderr, unless all is well.
fn health(effective: &Effective) -> ExitCode {
    server::ask_readiness(&effective.config).map_or_else(|problem| failed(problem, FAILED), |()| ExitCode::SUCCESS)
}

/// One line per key, which is TOML again.
fn print_settings(effective: &Effective) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for setting in effective.settings() {
        writeln!(out, "{} = {}  # {}", setting.key, setting.value, setting.origin)?;
    }
    out.flush()
}

fn failed(error: impl Display, code: u8) -> ExitCode {
    for line in error.to_string().lines() {
        say(format_args!("error: {line}"));
    }
    ExitCode::from(code)
}

/// Writes a line to stderr. A caller that has closed stderr does not want to know.
fn say(line: impl Display) {
    let _ = writeln!(io::stderr(), "stonechat: {line}");
}
