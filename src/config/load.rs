//! Lays the sources over each other: default, file, environment, flags; later wins. All problems are gathered, so
//! that a person mends them in one go.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::file::each_key;
use super::keys::{KEYS, index_of};
use super::kind::{Given, Kind};
use super::problem::{Origin, Problem, Problems};
use super::secret::masked;
use super::settings::Config;
use super::suggest::nearest;
use super::{backend_url, fit, secret_file};

/// Every variable that is meant for the server begins so.
const VARIABLES: &str = "STONECHAT_";

/// The variable that names the file.
const FILE_VARIABLE: &str = "STONECHAT_CONFIG";

/// The variable that has the password of a database that is imported: no setting.
pub const IMPORT_PASSWORD_VARIABLE: &str = "STONECHAT_IMPORT_PASSWORD";

/// Variables that are no settings.
const OTHER_VARIABLES: [&str; 2] = [FILE_VARIABLE, IMPORT_PASSWORD_VARIABLE];

/// Keys that name a file, each with the key whose value stands there.
const SECRET_FILES: [(&str, &str); 3] =
    [("mysql_file", "mysql"), ("mysql_read_file", "mysql_read"), ("redis_file", "redis")];

/// What the settings are made from. It may hold passwords, so it cannot be printed.
#[derive(Clone, Default)]
pub struct Sources {
    /// `--config`; without it `STONECHAT_CONFIG` counts.
    pub file: Option<PathBuf>,
    /// All of the environment; what is not meant for the server is skipped.
    pub environment: Vec<(OsString, OsString)>,
    /// The flags, in the order in which they count.
    pub flags: Vec<Flag>,
}

impl Sources {
    fn file_path(&self) -> Option<PathBuf> {
        let from_environment = || {
            let (_, path) = self.environment.iter().find(|(name, _)| name == FILE_VARIABLE)?;
            (!path.is_empty()).then(|| PathBuf::from(path))
        };
        self.file.clone().or_else(from_environment)
    }
}

/// A flag that sets a key. It may hold a password, so it cannot be printed.
#[derive(Clone)]
pub enum Flag {
    /// A flag of its own, like `--listen`.
    Own {
        /// With its dashes.
        flag: &'static str,
        /// The key it sets.
        key: &'static str,
        /// As typed.
        value: String,
    },
    /// `--set KEY=VALUE`, as typed.
    Set(String),
}

/// The settings that count, and where each came from.
#[derive(Clone, Debug)]
pub struct Effective {
    /// The settings.
    pub config: Config,
    /// As long as [`KEYS`], in its order.
    origins: Vec<Origin>,
    warnings: Vec<String>,
}

/// One key as it counts.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// The dotted name.
    pub key: &'static str,
    /// As TOML; passwords are masked.
    pub value: String,
    /// Where it came from.
    pub origin: &'a Origin,
}

impl Effective {
    /// Every key, in the order of the table.
    pub fn settings(&self) -> impl Iterator<Item = Setting<'_>> {
        KEYS.iter().zip(&self.origins).map(|(key, origin)| Setting {
            key: key.name,
            value: match origin {
                // The listing is a configuration again: there the value comes from the file.
                Origin::Secret { .. } => "\"\"".to_owned(),
                _ => key.kind.show(&self.config),
            },
            origin,
        })
    }

    /// What is allowed and probably not meant: one sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.iter().cloned().chain(self.config.warnings()).collect()
    }
}

/// Reads all sources and checks every value, and what must hold between them.
///
/// # Errors
/// All problems at once. An unknown key is one, and so is a bad value that a later source replaces.
pub fn load(sources: &Sources) -> Result<Effective, Problems> {
    let mut layers = Layers::of_defaults();
    if let Some(path) = sources.file_path() {
        layers.lay_file(&path);
    }
    for (variable, value) in &sources.environment {
        layers.lay_variable(variable, value);
    }
    for flag in &sources.flags {
        layers.lay_flag(flag);
    }
    layers.read_secrets();
    layers.finish()
}

/// The settings that a file with this text makes, over the defaults; no other source counts, and no file is opened that
/// it names.
///
/// # Errors
/// All problems at once, as [`load`] tells them.
pub fn load_text(text: &str) -> Result<Effective, Problems> {
    let mut layers = Layers::of_defaults();
    layers.lay_text(Path::new("text"), text);
    layers.finish()
}

/// The settings while they are being laid over each other.
struct Layers {
    config: Config,
    origins: Vec<Origin>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl Layers {
    fn of_defaults() -> Self {
        Self {
            config: Config::default(),
            origins: vec![Origin::Default; KEYS.len()],
            problems: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn lay_file(&mut self, path: &Path) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let origin = Origin::File(path.to_owned());
                return self.problems.push(Problem::at(&origin, format_args!("cannot be read: {error}")));
            }
        };
        self.lay_text(path, &text);
    }

    fn lay_text(&mut self, path: &Path, text: &str) {
        let read = each_key(text, &mut |name, line, given| {
            self.lay_key(name, &given, Origin::Line(path.to_owned(), line));
        });
        if let Err(error) = read {
            let origin = Origin::Line(path.to_owned(), error.line);
            self.problems.push(Problem::at(&origin, format_args!("is no TOML: {}", error.message)));
        }
    }

    fn lay_variable(&mut self, variable: &OsStr, value: &OsStr) {
        let variable = variable.to_string_lossy();
        if !variable.starts_with(VARIABLES) || OTHER_VARIABLES.contains(&&*variable) || is_service_link(&variable) {
            return;
        }
        let origin = Origin::Variable(variable.clone().into_owned());
        let Some(index) = KEYS.iter().position(|key| key.variable() == variable) else {
            let known: Vec<String> = KEYS.iter().map(|key| key.variable()).collect();
            let hint = hint(nearest(&variable, known.iter().map(String::as_str)));
            return self.problems.push(Problem::at(&origin, format_args!("unknown variable{hint}")));
        };
        match value.to_str() {
            Some(text) => self.lay(index, &Given::Untyped(text), origin),
            None => self.problems.push(Problem::at(&origin, format_args!("{} must be UTF-8", KEYS[index].name))),
        }
    }

    fn lay_flag(&mut self, flag: &Flag) {
        match flag {
            Flag::Own { flag, key, value } => self.lay_key(key, &Given::Untyped(value), Origin::Flag(flag)),
            Flag::Set(typed) => {
                let origin = Origin::Flag("--set");
                let Some((key, value)) = typed.split_once('=') else {
                    let what = format!("\"{}\" is not KEY=VALUE, like limits.inflight=8", masked(typed));
                    return self.problems.push(Problem::at(&origin, what));
                };
                self.lay_key(key.trim(), &Given::Untyped(value.trim()), origin);
            }
        }
    }

    fn lay_key(&mut self, name: &str, given: &Given<'_>, origin: Origin) {
        if let Some(index) = index_of(name) {
            return self.lay(index, given, origin);
        }
        let is_section = KEYS.iter().any(|key| key.name.split_once('.').is_some_and(|(section, _)| section == name));
        if is_section && matches!(given, Given::Other("table")) {
            return; // All of its keys are commented out.
        }
        let hint = hint(nearest(name, KEYS.iter().map(|key| key.name)));
        self.problems.push(Problem::at(&origin, format_args!("unknown key \"{}\"{hint}", masked(name))));
    }

    /// Puts a value where it belongs; the one place through which all sources go.
    fn lay(&mut self, index: usize, given: &Given<'_>, origin: Origin) {
        let key = KEYS[index];
        match key.kind.apply(&mut self.config, given) {
            Ok(()) => self.origins[index] = origin,
            Err(refused) => self.problems.push(Problem::at(&origin, format_args!("{} {}", key.name, refused.0))),
        }
    }

    /// Puts what stands in a secret's file where the value itself would have been.
    fn read_secrets(&mut self) {
        for (file_key, key) in SECRET_FILES {
            let (Some(file_index), Some(index)) = (index_of(file_key), index_of(key)) else { continue };
            let Kind::File { get, .. } = KEYS[file_index].kind else { continue };
            let Some(path) = get(&self.config).map(Path::to_owned) else { continue };
            if let Kind::Url { get, .. } = KEYS[index].kind
                && get(&self.config).is_some()
            {
                let (value, file) = (&self.origins[index], &self.origins[file_index]);
                let what = format!("{key} ({value}) and {file_key} ({file}) are both set: only one of them may be");
                self.problems.push(Problem::between(what));
                continue;
            }
            self.read_secret(index, file_key, &path);
        }
    }

    fn read_secret(&mut self, index: usize, file_key: &'static str, path: &Path) {
        let (key, origin) = (KEYS[index], Origin::File(path.to_owned()));
        let secret = match secret_file::read(path, "URL") {
            Ok(secret) => secret,
            Err(why) => return self.problems.push(Problem::at(&origin, format_args!("{file_key} {why}"))),
        };
        if let Err(refused) = key.kind.apply(&mut self.config, &Given::Text(&secret.text)) {
            return self.problems.push(Problem::at(&origin, format_args!("{file_key} {}", refused.0)));
        }
        self.origins[index] = Origin::Secret { key: file_key, shown: masked(&secret.text) };
        if secret.is_public {
            let path = path.display();
            self.warnings.push(format!("{file_key}: everybody on this machine can read {path}: `chmod o-r {path}`"));
        }
    }

    /// A certificate without its key is of no use, nor a key without its certificate.
    fn half_a_certificate(&self) -> Option<String> {
        let (set, missing) = match (&self.config.tls.cert, &self.config.tls.key) {
            (Some(_), None) => ("tls.cert", "tls.key"),
            (None, Some(_)) => ("tls.key", "tls.cert"),
            _ => return None,
        };
        let origin = index_of(set).map_or(&Origin::Default, |index| &self.origins[index]);
        Some(format!("{set} ({origin}) needs {missing}: TLS takes a certificate and its key"))
    }

    /// Who administrates shows a token, and everybody on the way could read it.
    fn exposed_token(&self) -> Option<String> {
        let exposed = self.config.admin.filter(|admin| !admin.ip().is_loopback());
        let is_plain = self.config.admin_token_file.is_some() && self.config.tls.pair().is_none();
        let exposed = exposed.filter(|_| is_plain)?;
        Some(format!(
            "admin = {exposed} is no loopback address, and with admin_token_file the token would cross the network as it is: \
             set tls.cert and tls.key, and it is asked by https; or choose 127.0.0.1; or leave admin_token_file out, and only \
             the metrics are served there"
        ))
    }

    fn finish(mut self) -> Result<Effective, Problems> {
        let origin = |name| index_of(name).map_or(&Origin::Default, |index| &self.origins[index]);
        let origins = fit::Origins {
            line: origin("limits.line_bytes"),
            message: origin("limits.message_bytes"),
            outbox: origin("limits.outbox_bytes"),
        };
        self.problems.extend(fit::fit(&mut self.config.limits, &origins).into_iter().map(Problem::between));
        self.problems.extend(self.half_a_certificate().map(Problem::between));
        self.problems.extend(self.exposed_token().map(Problem::between));
        self.problems.extend(backend_url::contradictions(&self.config).into_iter().map(Problem::between));
        if !self.problems.is_empty() {
            return Err(Problems(self.problems));
        }
        Ok(Effective { config: self.config, origins: self.origins, warnings: self.warnings })
    }
}

/// Whether an orchestrator made the variable: beside a service called "stonechat", Kubernetes and Docker give every
/// container `STONECHAT_SERVICE_HOST`, `STONECHAT_PORT_8000_TCP` and the like. No key looks like one.
fn is_service_link(variable: &str) -> bool {
    let is_port = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    variable.contains("_SERVICE_HOST")
        || variable.contains("_SERVICE_PORT")
        || variable.ends_with("_PORT")
        || variable.split("_PORT_").skip(1).any(is_port)
}

/// The second half of a message about something unknown.
fn hint(nearest: Option<&str>) -> String {
    match nearest {
        Some(name) => format!("; did you mean {name}?"),
        None => "; `stonechat --help` lists all keys".to_owned(),
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
