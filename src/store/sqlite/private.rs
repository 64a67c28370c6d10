//! Nobody but the server's own user may read the folder and the files: they hold everybody's messages.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// What a folder is made with.
const FOLDER_MODE: u32 = 0o700;
/// What a file is made with.
const FILE_MODE: u32 = 0o600;
/// The socket for administrators, of a server that was killed.
const ADMIN_SOCKET: &str = "admin.sock";
/// The rights of everybody else.
const OTHERS: u32 = 0o077;
/// What our files' names begin with.
const OURS: &str = "stonechat.";

/// Makes the folder, and those above it that are missing.
pub(super) fn make_folder(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(dir)
}

/// Opens a file for writing; makes it if it is missing.
pub(super) fn make_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(FILE_MODE).open(path)
}

/// Takes everybody else's rights from our files, and from the folder if nothing but ours is in it. Warns where it cannot.
pub(super) fn tighten(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut has_others = false;
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name == ADMIN_SOCKET {
            continue;
        }
        let is_ours = name.starts_with(OURS);
        if is_ours && path.is_file() {
            tighten_one(&path, FILE_MODE);
        } else {
            has_others = true;
        }
    }
    if !has_others {
        tighten_one(dir, FOLDER_MODE);
    }
}

fn tighten_one(path: &Path, mode: u32) {
    let Ok(metadata) = fs::metadata(path) else { return };
    if metadata.mode() & OTHERS == 0 {
        return;
    }
    match fs::set_permissions(path, Permissions::from_mode(mode)) {
        Ok(()) => log::info!("{} could be read by others; now only its owner can", path.display()),
        Err(error) => log::warn!(
            "{} can be read by others, and its permissions cannot be changed ({error}): chmod it to {mode:o}",
            path.display()
        ),
    }
}
