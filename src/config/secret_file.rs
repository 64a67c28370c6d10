//! A secret that stands in a file of its own: read once at start, and never repeated.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The longest secret; a URL is much shorter.
const SECRET_BYTES_MAX: usize = 4096;

/// What was read.
pub(crate) struct Secret {
    /// Without the line end behind it.
    pub(crate) text: String,
    /// Whether everybody on this machine may read the file, too.
    pub(crate) is_public: bool,
}

/// Reads the file, which holds `what`; the error is a sentence without a subject, and does not repeat what stands in the file.
pub(crate) fn read(path: &Path, what: &str) -> Result<Secret, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let mut file = File::open(path).map_err(cannot)?;
    let is_public = file.metadata().map_err(cannot)?.mode() & 0o004 != 0;
    let mut bytes = Vec::new();
    // One more than allowed tells whether it is too long. It need not be a plain file: a pipe from a shell will do.
    file.by_ref().take(SECRET_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() > SECRET_BYTES_MAX {
        return Err(format!("must hold one {what}, not more than {SECRET_BYTES_MAX} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|_| "must be UTF-8".to_owned())?;
    let text = text.trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        return Err(format!("is empty: it must hold a {what}"));
    }
    Ok(Secret { text: text.to_owned(), is_public })
}
