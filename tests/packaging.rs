//! What is shipped beside the programs: man pages and completions, the Debian package's files, the container's.

#![allow(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::node::Node;
use common::process::{free_port, program, wait_for};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn output(program: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(words).env_remove("RUST_LOG").env_clear();
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn told(program: &Path, words: &[&str]) -> String {
    let ended = output(program, words);
    assert!(ended.status.success(), "{} {words:?}: {ended:?}", program.display());
    String::from_utf8(ended.stdout).unwrap()
}

fn server() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_stonechat"))
}

#[test]
fn every_program_makes_its_man_pages_and_completions() {
    let of_the_server = ("stonechat", server(), "check-config", "--listen-plain");
    let of_the_client = ("stonechat-client", program("stonechat-client"), "tail", "--register");
    let of_the_load = ("stonechat-load", program("stonechat-load"), "storm", "--server");
    for (name, program, subcommand, flag) in [of_the_server, of_the_client, of_the_load] {
        let folder = tempfile::tempdir().unwrap();
        told(&program, &["generate", "man", folder.path().to_str().unwrap()]);
        let page = |name: &str| {
            fs::read_to_string(folder.path().join(format!("{name}.1")))
                .unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        assert!(page(name).contains(&format!(".TH {name} 1")), "{name}");
        assert!(page(&format!("{name}-{subcommand}")).contains(".SH"), "{name}");
        for shell in ["bash", "zsh", "fish"] {
            let script = told(&program, &["generate", "completions", shell]);
            for word in [subcommand, flag.trim_start_matches("--")] {
                assert!(script.contains(word), "{name} {shell}: {word}");
            }
        }
        let unknown = output(&program, &["generate", "completions", "dos"]);
        assert_eq!(unknown.status.code(), Some(2), "{name}");
    }
}

#[test]
fn the_packaged_settings_are_right_as_they_are() {
    let file = root().join("packaging/debian/stonechat.toml");
    let data = tempfile::tempdir().unwrap();
    let words = ["check-config", "--config", file.to_str().unwrap(), "--data", data.path().to_str().unwrap()];
    let listing = told(&server(), &words);
    assert!(listing.contains("admin = \"127.0.0.1:9000\""), "{listing}");
}

/// What is packaged, by Cargo.toml.
fn assets() -> Vec<String> {
    let manifest: toml::Table = toml::from_str(&text("Cargo.toml")).unwrap();
    let deb = &manifest["package"]["metadata"]["deb"];
    deb["assets"].as_array().unwrap().iter().map(|asset| asset[0].as_str().unwrap().to_owned()).collect()
}

#[test]
fn everything_that_is_packaged_is_there() {
    let made = ["target/release/", "target/package/"];
    let kept: Vec<String> =
        assets().into_iter().filter(|path| !made.iter().any(|made| path.starts_with(made))).collect();
    assert!(kept.len() > 10, "{kept:?}");
    for path in kept {
        let folder = path.strip_suffix("*.conf").unwrap_or(&path);
        assert!(root().join(folder).exists(), "{path} is packaged, and not there");
    }
    // cargo-deb takes all units of this folder.
    assert!(text("Cargo.toml").contains("unit-scripts = \"systemd\""));
}

/// The variables for the server that a file names, with what stands behind them.
fn variables(text: &str) -> Vec<(String, String)> {
    let line = |line: &str| {
        let at = line.find("STONECHAT_")?;
        let (name, value) = line[at..].split_once(['=', ':'])?;
        Some((name.to_owned(), value.trim_end_matches(" \\").trim().trim_matches('"').to_owned()))
    };
    text.lines().filter(|line| !line.trim_start().starts_with('#')).filter_map(line).collect()
}

#[test]
fn containers_are_given_settings_that_there_are() {
    for (file, least) in [("Dockerfile", 3), ("compose.yaml", 6)] {
        let variables = variables(&text(file));
        assert!(variables.len() >= least, "{file}: {variables:?}");
        let mut command = Command::new(server());
        let data = tempfile::tempdir().unwrap();
        command.arg("check-config").arg("--data").arg(data.path()).env_clear();
        for (name, value) in &variables {
            // Where compose puts a password in, and nothing that is on this machine.
            let (before, behind) = value
                .split_once("${")
                .map_or((value.as_str(), ""), |(before, rest)| (before, rest.split_once('}').unwrap().1));
            let password = if behind.is_empty() { "" } else { "secret" };
            let value = format!("{before}{password}{behind}").replace("@database:3306", "@127.0.0.1:1");
            command.env(name, value.replace("redis:6379", "127.0.0.1:1"));
        }
        let ended = command.output().unwrap();
        // 2: a setting is wrong. 1: nobody answers there.
        assert_ne!(ended.status.code(), Some(2), "{file}: {}", String::from_utf8_lossy(&ended.stderr));
    }
}

#[test]
fn the_container_asks_the_server_itself_how_it_is() {
    let dockerfile = text("Dockerfile");
    assert!(dockerfile.contains("CMD [\"/usr/bin/stonechat\", \"health\"]") && dockerfile.contains("\nUSER nonroot"));
    let node = Node::start(&["--admin", "127.0.0.1:0"]);
    let admin = node.admin().to_string();
    wait_for("a healthy node", || output(&server(), &["health", "--admin", &admin]).status.success().then_some(()));
    let nobody = output(&server(), &["health", "--admin", &format!("127.0.0.1:{}", free_port())]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("does not answer"), "{nobody:?}");
    let unset = output(&server(), &["health"]);
    assert!(String::from_utf8_lossy(&unset.stderr).contains("admin is not set"), "{unset:?}");
}
