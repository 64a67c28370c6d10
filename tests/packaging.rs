//! What is shipped beside the programs: man pages and completions, the Debian package's files, the container's.

#![allow(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::node::Node;
use common::process::{free_port, program, wait_for};
use serde_json::Value;

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

/// A program that scripts/test installs with pip, from target/peers/linters.
fn linter(program: &str, words: &[&str]) -> String {
    let folder = root().join("target/peers/linters");
    let mut command = Command::new(if program == "hadolint" { folder.join("bin/hadolint") } else { program.into() });
    command.args(words).current_dir(root()).env("PYTHONPATH", &folder);
    let ended = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; scripts/test installs it"));
    let told = String::from_utf8_lossy(&ended.stdout).into_owned();
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{program} {words:?}: {told}{errors}\n(scripts/test installs the linters)");
    told
}

#[test]
fn hadolint_finds_nothing_in_the_dockerfile() {
    linter("hadolint", &["--failure-threshold", "style", "Dockerfile"]);
}

#[test]
fn compose_yaml_is_of_the_compose_specification() {
    let words = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"];
    assert!(linter("python3", &words).contains("ok"));
}

/// compose.yaml, with its anchors and merges resolved.
fn compose() -> Value {
    let script = "import json, sys; from ruamel.yaml import YAML; \
                  json.dump(YAML(typ='safe', pure=True).load(open('compose.yaml')), sys.stdout)";
    serde_json::from_str(&linter("python3", &["-c", script])).unwrap()
}

#[test]
fn what_compose_names_is_there() {
    let compose = compose();
    let services = compose["services"].as_object().unwrap();
    for (name, service) in services {
        for (other, how) in service["depends_on"].as_object().into_iter().flatten() {
            let other = services.get(other).unwrap_or_else(|| panic!("{name} depends on {other}, which is not there"));
            let checked = other.get("healthcheck").is_some() || other["image"] == "stonechat";
            assert!(how["condition"] == "service_healthy" && checked, "{name}: {how} {other}");
        }
    }
    // Several builds of one image at once: the first one to end makes the others fail.
    let built = services.values().filter(|service| service.get("build").is_some()).count();
    let nodes = || services.values().filter(|service| service["image"] == "stonechat");
    assert_eq!((built, nodes().count()), (1, 3));

    let nginx = text("packaging/compose/nginx.conf");
    for node in nodes() {
        let addr = node["networks"]["chat"]["ipv4_address"].as_str().unwrap();
        assert!(nginx.contains(&format!("server {addr}:8000 ")), "nginx does not know {addr}");
        let network = &compose["networks"]["chat"]["ipam"]["config"][0]["subnet"];
        assert_eq!(&node["environment"]["STONECHAT_PROXY_FROM"], network);
    }
    assert_eq!(nginx.matches("server 172.").count(), 3);
}

#[test]
fn nginx_takes_the_configuration_of_compose() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nginx.conf");
    // `nginx -t` writes the pid file and binds the port.
    let shipped = text("packaging/compose/nginx.conf");
    let config = shipped
        .replace("/var/run/nginx.pid", folder.path().join("nginx.pid").to_str().unwrap())
        .replace("listen 8000 ", &format!("listen 127.0.0.1:{} ", free_port()));
    fs::write(&path, config).unwrap();
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-t").arg("-p").arg(folder.path()).arg("-c").arg(&path).args(["-e", "stderr"]);
    // The container's nginx has it built in.
    command.args(["-g", "load_module /usr/lib/nginx/modules/ngx_stream_module.so;"]);
    let ended = command.output().unwrap_or_else(|error| panic!("nginx: {error}; scripts/test installs it"));
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && !told.contains("[warn]"), "{told}");
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
    assert!(
        dockerfile.contains("CMD [\"/usr/bin/stonechat\", \"health\"]") && dockerfile.contains("\nUSER 65532:65532\n")
    );
    let node = Node::start(&["--admin", "127.0.0.1:0"]);
    let admin = node.admin().to_string();
    wait_for("a healthy node", || output(&server(), &["health", "--admin", &admin]).status.success().then_some(()));
    let nobody = output(&server(), &["health", "--admin", &format!("127.0.0.1:{}", free_port())]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("does not answer"), "{nobody:?}");
    let unset = output(&server(), &["health"]);
    assert!(String::from_utf8_lossy(&unset.stderr).contains("admin is not set"), "{unset:?}");
}
