//! The web client, as it is in the binary. Its files are those of the folder `web`.

use std::path::Path;

use crate::net::http::Files;

/// A file of the folder `web`, by its path below `/`, with its content.
macro_rules! file {
    ($path:literal) => {
        ($path, include_bytes!(concat!("../web/", $path)))
    };
}

/// Every file.
static FILES: &[(&str, &[u8])] = &[
    file!("app.js"),
    file!("core/account.js"),
    file!("core/client.js"),
    file!("core/connection.js"),
    file!("core/contacts.js"),
    file!("core/conversations.js"),
    file!("core/groups.js"),
    file!("core/ids.js"),
    file!("core/inbox.js"),
    file!("core/lane.js"),
    file!("core/messages.js"),
    file!("core/model.js"),
    file!("core/outbox.js"),
    file!("core/owner.js"),
    file!("core/protocol.js"),
    file!("core/session.js"),
    file!("core/signin.js"),
    file!("core/store.js"),
    file!("core/tabs.js"),
    file!("i18n.js"),
    file!("icon.svg"),
    file!("index.html"),
    file!("lang/en.js"),
    file!("lang/zh.js"),
    file!("manifest.json"),
    file!("style.css"),
    file!("sw.js"),
    file!("ui/avatar.js"),
    file!("ui/badge.js"),
    file!("ui/composer.js"),
    file!("ui/dialog.js"),
    file!("ui/dialogs.js"),
    file!("ui/dom.js"),
    file!("ui/errors.js"),
    file!("ui/forms.js"),
    file!("ui/group.js"),
    file!("ui/log.js"),
    file!("ui/mentions.js"),
    file!("ui/menu.js"),
    file!("ui/message.js"),
    file!("ui/messagemenu.js"),
    file!("ui/notify.js"),
    file!("ui/pane.js"),
    file!("ui/reactions.js"),
    file!("ui/search.js"),
    file!("ui/seen.js"),
    file!("ui/settings.js"),
    file!("ui/sidebar.js"),
    file!("ui/signin.js"),
    file!("ui/text.js"),
    file!("ui/time.js"),
    file!("ui/toast.js"),
    file!("ui/view.js"),
    file!("ui/worker.js"),
];

/// The files to serve: those of `folder`, or else those in the binary.
pub(crate) fn files(folder: Option<&Path>) -> Files {
    folder.map_or_else(|| Files::embedded(FILES), |folder| Files::Folder(folder.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    /// What a page may cost in all, in bytes.
    const ALL_BYTES_MAX: usize = 240_000;

    /// The paths of all files in a folder, below `root`.
    fn paths(folder: &Path, root: &Path) -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let below = |path: std::path::PathBuf| {
            if path.is_dir() {
                return paths(&path, root);
            }
            BTreeSet::from([path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()])
        };
        entries.flat_map(below).collect()
    }

    #[test]
    fn every_file_of_the_folder_is_in_the_binary() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
        let embedded: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(embedded, paths(&root, &root));
    }

    #[test]
    fn the_web_client_is_small() {
        let bytes: usize = FILES.iter().map(|(_, content)| content.len()).sum();
        assert!(bytes <= ALL_BYTES_MAX, "{bytes} bytes in all");
    }
}
