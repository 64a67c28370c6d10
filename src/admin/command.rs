//! `stonechat admin`: what an administrator types, made requests of /v1, and the answers shown: as tables for people, as JSON for
//! programs.

mod connection;
mod table;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use self::connection::{Connection, Failed, Server};
use crate::config::{self, ADMIN_SOCKET, Flag, Sources};

/// Done.
const DONE: u8 = 0;
/// The server has refused it, or cannot be reached.
const REFUSED: u8 = 1;
/// The flags or the settings are wrong.
const BAD_USAGE: u8 = 2;

/// Where systemd gives the server a folder, whose users' shells do not know of it.
const RUNTIME_FOLDER: &str = "/run/stonechat";

/// What stands behind `stonechat admin`.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true, subcommand_required = true, after_help = HELP)]
pub struct AdminCommand {
    /// The data folder of the server, in which its socket is [env: STONECHAT_DATA]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<String>,
    /// The TOML file with the server's settings [env: STONECHAT_CONFIG]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The socket itself
    #[arg(long, value_name = "PATH", global = true, conflicts_with_all = ["admin", "data"])]
    socket: Option<PathBuf>,
    /// Asks at the address admin of a server instead of at a socket, with --token-file: HOST:PORT, or https://HOST:PORT
    #[arg(long, value_name = "ADDR", global = true, requires = "token_file", conflicts_with = "data")]
    admin: Option<String>,
    /// By https: the PEM file with the certificate of the CA that must have signed the server's, instead of those of the system
    #[arg(long, value_name = "FILE", global = true, requires = "admin")]
    ca: Option<PathBuf>,
    /// The file with the token (admin_token_file)
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
    /// Prints what the server answers: a line of JSON for each answer
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    word: Word,
}

/// What a person would try first.
const HELP: &str = "\
  stonechat admin users list
  stonechat admin --data /var/lib/stonechat users disable 7
  stonechat admin --admin 127.0.0.1:9000 --token-file token --json sessions list
  stonechat admin --admin https://chat.example.org:9000 --token-file token users list

Every word but log-level counts for the whole cluster, whichever node is asked. Exit codes: 0 done, 1 refused by the server or not
reached, 2 wrong flags or settings.";

#[derive(Subcommand, Debug)]
enum Word {
    /// Accounts
    #[command(subcommand)]
    Users(Users),
    /// Groups
    #[command(subcommand)]
    Groups(Groups),
    /// Sessions: what can be resumed, online or not
    #[command(subcommand)]
    Sessions(Sessions),
    /// Sets a quota for one user alone: a number, 0 for no limit, or default for what the settings say
    Quota {
        user: u32,
        /// friends, friend_requests, groups_joined, groups_created, blocks, devices or tokens
        name: String,
        value: String,
    },
    /// Tells all sessions of all nodes something: NOTICE broadcast
    Broadcast { text: String },
    /// Messages that were kept long enough
    #[command(subcommand)]
    Retention(Retention),
    /// What that node logs from now on: error, warn, info, debug, trace, or as-started
    LogLevel { level: String },
    /// What administrators have done
    #[command(subcommand)]
    Audit(Audit),
}

#[derive(Args, Debug)]
struct Pages {
    /// One page of at most so many rows, instead of all
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Behind this id, or number of a session
    #[arg(long, value_name = "ID")]
    after: Option<String>,
}

#[derive(Subcommand, Debug)]
enum Users {
    /// All of them
    List(Pages),
    /// One of them
    Show { id: u32 },
    /// Nobody logs in as this user any more; its sessions end
    Disable { id: u32 },
    /// Takes that back
    Enable { id: u32 },
    /// Gives the user a new password, which is printed; its sessions end
    ResetPassword { id: u32 },
    /// Ends all sessions of the user
    Logout { id: u32 },
    /// Removes the account and everything that it has said, for good
    Erase { id: u32 },
    /// Prints what is stored about a user, as JSON
    Export { id: u32 },
}

#[derive(Subcommand, Debug)]
enum Groups {
    /// All of them
    List(Pages),
    /// One of them
    Show { id: u32 },
    /// Deletes it with everything that was said there, for good
    Delete { id: u32 },
    /// Makes another member its creator
    HandOver { id: u32, user: u32 },
    /// For how many days its messages are kept: a number, 0 for ever, or default for what the settings say
    Retention { id: u32, days: String },
}

#[derive(Subcommand, Debug)]
enum Sessions {
    /// Those of all users
    List(Pages),
    /// Ends one, by its number in the list, like 7.2
    End { number: String },
}

#[derive(Subcommand, Debug)]
enum Retention {
    /// Removes them now, and not within the hour
    Run,
}

#[derive(Subcommand, Debug)]
enum Audit {
    /// The oldest first
    List(Pages),
}

/// What is sent, and how the answer is shown.
enum Asked {
    /// A list, page by page.
    List { path: &'static str, key: &'static str, pages: Pages },
    /// An object.
    One { path: String },
    /// What is passed through.
    Stream { path: String },
    /// A change: a sentence says what has happened.
    Change { path: String, body: Value, done: String },
    /// A change whose answer has what is to be told, in this field.
    Telling { path: String, body: Value, field: &'static str },
}

impl AdminCommand {
    /// Does it; the exit code. The folder and the file are those of flags ahead of the command, which its own go before.
    #[must_use]
    pub fn run(self, folder: Option<String>, file: Option<PathBuf>) -> ExitCode {
        let Self { data, config, socket, admin, ca, token_file, json, word } = self;
        let (data, config) = (data.or(folder), config.or(file));
        let server = match admin {
            Some(address) => Server::at(&address, ca, token_file.as_deref()),
            None => find_socket(socket, data, config).map(Server::Socket),
        };
        let (server, asked) = match server.and_then(|server| Ok((server, asked(word)?))) {
            Ok(found) => found,
            Err(problem) => return failed(&problem, BAD_USAGE),
        };
        match carry_out(&server, asked, json) {
            Ok(()) => ExitCode::from(DONE),
            Err(Failed(problem)) => failed(&problem, REFUSED),
        }
    }
}

fn failed(problem: &str, code: u8) -> ExitCode {
    for line in problem.lines() {
        // A caller that has closed stderr does not want to know.
        let _ = writeln!(io::stderr(), "stonechat: error: {line}");
    }
    ExitCode::from(code)
}

/// The server's socket, as its own settings say.
fn find_socket(socket: Option<PathBuf>, data: Option<String>, file: Option<PathBuf>) -> Result<PathBuf, String> {
    if let Some(socket) = socket {
        return Ok(socket);
    }
    let is_said = data.is_some() || file.is_some();
    let flags = data.map(|value| Flag::Own { flag: "--data", key: "data", value }).into_iter().collect();
    let environment = std::env::vars_os().collect();
    let settings = config::load(&Sources { file, environment, flags }).map_err(|problems| problems.to_string())?;
    let of_service = PathBuf::from(RUNTIME_FOLDER).join(ADMIN_SOCKET);
    match settings.config.admin_socket_path() {
        Some(path) if path.exists() || is_said || !of_service.exists() => Ok(path),
        _ if of_service.exists() => Ok(of_service),
        _ => Err("a node with mysql has a socket where admin_socket or systemd says: name it with --socket".to_owned()),
    }
}

fn asked(word: Word) -> Result<Asked, String> {
    Ok(match word {
        Word::Users(users) => of_users(users),
        Word::Groups(groups) => of_groups(groups)?,
        Word::Sessions(Sessions::List(pages)) => Asked::List { path: "/v1/sessions", key: "sessions", pages },
        Word::Sessions(Sessions::End { number }) => {
            change(format!("/v1/sessions/{}/end", plain(&number)?), Value::Null, format!("session {number} has ended"))
        }
        Word::Quota { user, name, value } => {
            let done = format!("the quota {name} of user {user} is {value}");
            change(format!("/v1/users/{user}/quota"), json!({"name": name, "value": number(&value)?}), done)
        }
        Word::Broadcast { text } => {
            Asked::Telling { path: "/v1/broadcast".to_owned(), body: json!({"text": text}), field: "told" }
        }
        Word::Retention(Retention::Run) => {
            let done = "messages that were kept long enough are being removed".to_owned();
            change("/v1/retention/run".to_owned(), Value::Null, done)
        }
        Word::LogLevel { level } => {
            let done = format!("the node logs {level}");
            change("/v1/log-level".to_owned(), json!({"level": level}), done)
        }
        Word::Audit(Audit::List(pages)) => Asked::List { path: "/v1/audit", key: "audit", pages },
    })
}

fn change(path: String, body: Value, done: String) -> Asked {
    Asked::Change { path, body, done }
}

fn of_users(users: Users) -> Asked {
    let act = |id: u32, word: &str, done: String| change(format!("/v1/users/{id}/{word}"), Value::Null, done);
    match users {
        Users::List(pages) => Asked::List { path: "/v1/users", key: "users", pages },
        Users::Show { id } => Asked::One { path: format!("/v1/users/{id}") },
        Users::Disable { id } => act(id, "disable", format!("user {id} is disabled, and its sessions have ended")),
        Users::Enable { id } => act(id, "enable", format!("user {id} may log in")),
        Users::ResetPassword { id } => {
            Asked::Telling { path: format!("/v1/users/{id}/reset-password"), body: Value::Null, field: "password" }
        }
        Users::Logout { id } => act(id, "logout", format!("all sessions of user {id} have ended")),
        Users::Erase { id } => act(id, "erase", format!("user {id} is erased; what it has said is being removed")),
        Users::Export { id } => Asked::Stream { path: format!("/v1/users/{id}/export") },
    }
}

fn of_groups(groups: Groups) -> Result<Asked, String> {
    Ok(match groups {
        Groups::List(pages) => Asked::List { path: "/v1/groups", key: "groups", pages },
        Groups::Show { id } => Asked::One { path: format!("/v1/groups/{id}") },
        Groups::Delete { id } => {
            change(format!("/v1/groups/{id}/delete"), Value::Null, format!("group {id} is deleted"))
        }
        Groups::HandOver { id, user } => {
            let done = format!("group {id} is user {user}'s");
            change(format!("/v1/groups/{id}/hand-over"), json!({"user": user}), done)
        }
        Groups::Retention { id, days } => {
            let done =
                format!("messages of group {id} are kept for {days} days (0: for ever, default: as the settings say)");
            change(format!("/v1/groups/{id}/retention"), json!({"days": number(&days)?}), done)
        }
    })
}

/// A number, or `null` for the word default.
fn number(text: &str) -> Result<Value, String> {
    if text == "default" {
        return Ok(Value::Null);
    }
    text.parse::<u32>().map(Value::from).map_err(|_| format!("\"{text}\" is neither a number nor default"))
}

/// Text that may stand in a path.
fn plain(text: &str) -> Result<&str, String> {
    let is_plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    if is_plain { Ok(text) } else { Err(format!("\"{text}\" is no number: the list has them, like 7.2")) }
}

fn carry_out(server: &Server, asked: Asked, is_json: bool) -> Result<(), Failed> {
    let mut out = io::stdout().lock();
    match asked {
        Asked::List { path, key, pages } => list(server, (path, key), &pages, is_json, &mut out)?,
        Asked::Stream { path } => Connection::open(server)?.ask("GET", &path, &Value::Null)?.copy(&mut out)?,
        Asked::One { path } => {
            let value = Connection::open(server)?.ask("GET", &path, &Value::Null)?.json()?;
            if is_json { writeln!(out, "{value}")? } else { table::object(&value, &mut out)? }
        }
        Asked::Change { path, body, done } => {
            let value = Connection::open(server)?.ask("POST", &path, &body)?.json()?;
            if is_json { writeln!(out, "{value}")? } else { writeln!(out, "{done}")? }
        }
        Asked::Telling { path, body, field } => {
            let value = Connection::open(server)?.ask("POST", &path, &body)?.json()?;
            if is_json { writeln!(out, "{value}")? } else { writeln!(out, "{field}: {}", table::cell(&value[field]))? }
        }
    }
    Ok(out.flush()?)
}

fn list(
    server: &Server,
    (path, key): (&str, &str),
    pages: &Pages,
    is_json: bool,
    out: &mut dyn Write,
) -> Result<(), Failed> {
    let mut after = pages.after.clone();
    let (mut rows, limit) = (Vec::new(), pages.limit.unwrap_or(1_000));
    loop {
        let behind = match &after {
            Some(after) => format!("&after={}", plain(after).map_err(Failed)?),
            None => String::new(),
        };
        let mut page =
            Connection::open(server)?.ask("GET", &format!("{path}?limit={limit}{behind}"), &Value::Null)?.json()?;
        if is_json {
            writeln!(out, "{page}")?;
        } else if let Value::Array(more) = page[key].take() {
            rows.extend(more);
        }
        let next = Some(table::cell(&page["next"])).filter(|next| !next.is_empty());
        if next.is_none() || pages.limit.is_some() {
            if !is_json {
                table::rows(&rows, out)?;
                if let Some(next) = next {
                    writeln!(out, "there is more: --after {next}")?;
                }
            }
            return Ok(());
        }
        after = next;
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        admin: AdminCommand,
    }

    #[test]
    fn every_word_is_understood() {
        for line in [
            "users list",
            "users show 7",
            "users disable 7",
            "users enable 7",
            "users reset-password 7",
            "users logout 7",
            "users erase 7",
            "users export 7",
            "groups list --limit 5 --after 3",
            "groups show 5",
            "groups delete 5",
            "groups hand-over 5 7",
            "groups retention 5 30",
            "groups retention 5 default",
            "sessions list",
            "sessions end 7.2",
            "quota 7 friends 3",
            "broadcast hello",
            "retention run",
            "log-level debug",
            "audit list",
            "--json --data x users list",
            "users list --admin 127.0.0.1:9 --token-file t",
        ] {
            let line = Line::try_parse_from(["x"].into_iter().chain(line.split(' '))).unwrap_or_else(|e| panic!("{e}"));
            assert!(asked(line.admin.word).is_ok());
        }
    }

    #[test]
    fn numbers_are_checked_before_anything_is_sent() {
        assert!(number("many").is_err() && number("-1").is_err());
        assert_eq!(number("default"), Ok(Value::Null));
        assert!(plain("7/../8").is_err() && plain("").is_err());
        assert!(Line::try_parse_from(["x", "users", "show", "x"]).is_err());
        assert!(Line::try_parse_from(["x", "--admin", "127.0.0.1:9", "users", "list"]).is_err(), "without a token");
    }
}
