//! A load generator for Stonechat that verifies what it measures.
//!
//! ```text
//!   cli -> one workload -> report
//!          pairs, groups   talk: sends, listens; ledger: exactly once, in order; limit: forwarder instead of a server
//!          idle, logins, storm, backlog, handshakes
//!            |                            setup: accounts, sessions, friends, groups
//!          engine: one poll, all connections      meter, proc_stat: CPU and memory of the processes under test
//!            transport: plain, tls, websocket
//! ```

mod accounts_file;
mod backlog;
mod cli;
mod clock;
mod comeback;
mod engine;
mod forwarder;
mod groups;
mod handshakes;
mod idle;
mod ledger;
mod logins;
mod meter;
mod open_files;
mod pacer;
mod pairs;
mod proc_stat;
mod progress;
mod report;
mod setup;
mod source;
mod stamp;
mod storm;
mod talk;
mod tls;
mod transport;
mod unsolicited;
mod websocket;
mod wire;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Workload};
use crate::progress::Progress;
use crate::report::Report;

fn main() -> ExitCode {
    if let Some(code) = stonechat_generate::if_asked(Cli::command()) {
        return code;
    }
    let cli = Cli::parse();
    match run(&cli).and_then(|report| print(&cli, &report).map(|()| report)) {
        Ok(report) if report.problems.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            // Whoever has closed stderr does not want to know.
            let _ = writeln!(io::stderr(), "stonechat-load: error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<Report> {
    let progress = Progress::new();
    let report = match &cli.workload {
        Workload::Pairs(args) => pairs::run(&cli.common, args, &progress),
        Workload::Groups(args) => groups::run(&cli.common, args, &progress),
        Workload::Idle(args) => idle::run(&cli.common, args, &progress),
        Workload::Logins(args) => logins::run(&cli.common, args, &progress),
        Workload::Storm(args) => storm::run(&cli.common, args, &progress),
        Workload::Backlog(args) => backlog::run(&cli.common, args, &progress),
        Workload::Handshakes(args) => handshakes::run(&cli.common, args, &progress),
    }?;
    Ok(Report { transport: cli.common.transport.to_string(), ..report })
}

fn print(cli: &Cli, report: &Report) -> Result<()> {
    let mut out = io::stdout().lock();
    if cli.common.json {
        serde_json::to_writer(&mut out, report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(out.flush()?)
}
