//! The web client, as it is in the binary. Its files are those of the folder `web`.

use std::path::Path;

use crate::net::http::Files;

/// Every file, by its path below `/`.
static FILES: &[(&str, &[u8])] = &[];

/// The files to serve: those of `folder`, or else those in the binary.
pub(crate) fn files(folder: Option<&Path>) -> Files {
    folder.map_or_else(|| Files::embedded(FILES), |folder| Files::Folder(folder.to_owned()))
}
