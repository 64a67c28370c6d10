//! The files of the web client: in the binary, or in a folder while somebody works on them.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// The page that `/` stands for.
const INDEX: &str = "index.html";
/// The largest file that is served from a folder, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The files that may be asked for.
#[derive(Debug, Default)]
pub enum Files {
    /// None: there is no web client here.
    #[default]
    None,
    /// These, by their path below `/`.
    Embedded(Embedded),
    /// Those of a folder, read each time that they are asked for. Reading them holds up everybody on the reactor for a
    /// moment: this is for working on the web client.
    Folder(PathBuf),
}

/// Files in the binary.
#[derive(Debug)]
pub struct Embedded(HashMap<&'static str, File>);

/// A file with what a response says of it.
#[derive(Clone, Debug)]
pub(super) struct File {
    /// Its content type.
    pub(super) kind: &'static str,
    /// Names this version.
    pub(super) etag: String,
    pub(super) content: Bytes,
}

impl File {
    fn new(path: &str, content: Bytes) -> Self {
        let digest = Sha256::digest(&content);
        let mut etag = String::from("\"");
        for byte in &digest[..16] {
            write!(etag, "{byte:02x}").expect("a String takes all");
        }
        etag.push('"');
        Self { kind: kind_of(path), etag, content }
    }
}

/// A content type by the name's ending.
fn kind_of(path: &str) -> &'static str {
    match Path::new(path).extension().and_then(|ending| ending.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

impl Files {
    /// These, by their path below `/`.
    #[must_use]
    pub fn embedded(files: &[(&'static str, &'static [u8])]) -> Self {
        let files = files.iter().map(|(path, content)| (*path, File::new(path, Bytes::from_static(content))));
        Self::Embedded(Embedded(files.collect()))
    }

    /// The file that this path of a request stands for.
    pub(super) fn find(&self, path: &str) -> Option<File> {
        let path = match path.strip_prefix('/')? {
            "" => INDEX,
            path => path,
        };
        match self {
            Self::None => None,
            Self::Embedded(Embedded(files)) => files.get(path).cloned(),
            Self::Folder(folder) => from_folder(folder, path),
        }
    }
}

/// Reads a file below the folder, if the path leads nowhere else; by a symbolic link neither.
fn from_folder(folder: &Path, path: &str) -> Option<File> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_name = |name: &str| !name.is_empty() && !name.starts_with('.') && name.chars().all(is_plain);
    if !path.split('/').all(is_name) {
        return None;
    }
    let (folder, file) = (folder.canonicalize().ok()?, folder.join(path).canonicalize().ok()?);
    if !file.starts_with(folder) {
        return None;
    }
    let is_served = fs::metadata(&file).is_ok_and(|found| found.is_file() && found.len() <= FILE_BYTES_MAX);
    let content = is_served.then(|| fs::read(&file).ok()).flatten()?;
    Some(File::new(path, content.into()))
}
