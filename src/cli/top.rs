//! `stonechat top`: its arguments.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use stonechat::top::Options;

#[derive(Args)]
pub(crate) struct Top {
    /// The nodes: the addresses of their --admin, HOST:PORT or https://HOST:PORT
    #[arg(value_name = "ADDR", default_value = "127.0.0.1:9000")]
    nodes: Vec<String>,
    /// By https: the PEM file with the certificate of the CA that must have signed the servers', instead of those of the system
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = seconds)]
    every: f64,
    /// Ends after so many screens
    #[arg(long, value_name = "N")]
    screens: Option<u32>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "it must be a number from 0.1 to 3600".to_owned())
}

impl From<Top> for Options {
    fn from(top: Top) -> Self {
        Self { nodes: top.nodes, ca: top.ca, every: Duration::from_secs_f64(top.every), screens: top.screens }
    }
}
