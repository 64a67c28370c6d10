//! No file of the server needs a file that needs it: what `use` brings in makes no circle.
//!
//! A file that only contains another (`mod`) does not need it. Paths that are written out in the code are not seen; the
//! style is to import.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A module's path below the crate, and its file below `src`.
type Modules = BTreeMap<Vec<String>, String>;

/// The server's files that are not tests.
fn modules() -> Modules {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut modules = Modules::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("sources can be read") {
            let path = entry.expect("sources can be read").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let file = path.strip_prefix(&root).expect("found below it").to_string_lossy().replace('\\', "/");
            let Some(name) = file.strip_suffix(".rs") else { continue };
            if name.ends_with("tests") || name == "main" {
                continue;
            }
            let mut module: Vec<String> = name.split('/').map(str::to_owned).collect();
            if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
                module.pop();
            }
            modules.insert(module, file);
        }
    }
    assert!(modules.len() > 50, "no sources were found");
    modules
}

/// The code without comments and tests.
fn code(text: &str) -> String {
    let own_tests = text.find("#[cfg(test)]\nmod").or_else(|| text.find("#[cfg(test)]\n#["));
    let text = &text[..own_tests.unwrap_or(text.len())];
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// What the statement brings in, as whole paths: `a::{b, c::{d}}` is `a::b` and `a::c::d`.
fn spread(prefix: &[String], statement: &str, paths: &mut Vec<Vec<String>>) {
    let statement = statement.trim();
    let (path, rest) = statement.split_once('{').unwrap_or((statement, ""));
    let mut whole = prefix.to_vec();
    let path = path.split(" as ").next().unwrap_or_default();
    whole.extend(path.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned));
    let Some(rest) = rest.trim_end().strip_suffix('}') else { return paths.push(whole) };
    let (mut depth, mut begin) = (0, 0);
    for (at, c) in rest.char_indices().chain([(rest.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !rest[begin..at].trim().is_empty() {
                    spread(&whole, &rest[begin..at], paths);
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
}

/// The module in which a path of the module `me` ends, if it is one of this crate.
fn resolve(modules: &Modules, me: &[String], path: &[String]) -> Option<Vec<String>> {
    let mut rest = path;
    let mut found = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => me.to_vec(),
        first => {
            let below = [me, &[first.to_owned()]].concat();
            return modules.contains_key(&below).then(|| longest(modules, &[me, path].concat()));
        }
    };
    while rest.first().is_some_and(|part| part == "super") {
        found.pop();
        rest = &rest[1..];
    }
    found.extend(rest.iter().filter(|part| !matches!(part.as_str(), "crate" | "self")).cloned());
    Some(longest(modules, &found))
}

/// The longest beginning of the path that is a module.
fn longest(modules: &Modules, path: &[String]) -> Vec<String> {
    let known = (0..=path.len()).rev().find(|length| modules.contains_key(&path[..*length]));
    path[..known.unwrap_or(0)].to_vec()
}

/// For each file those it needs.
fn needs(modules: &Modules) -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut needs = BTreeMap::new();
    for (me, file) in modules {
        let code = code(&fs::read_to_string(root.join(file)).expect("sources are UTF-8"));
        let mut paths = Vec::new();
        for statement in code.split(';').filter_map(|statement| statement.rsplit_once("use ")) {
            let is_use = statement.0.lines().last().is_none_or(|before| {
                let before = before.trim();
                before.is_empty() || before.starts_with("pub")
            });
            if is_use {
                spread(&[], statement.1, &mut paths);
            }
        }
        let mut needed: BTreeSet<String> =
            paths.iter().filter_map(|path| resolve(modules, me, path)).map(|module| modules[&module].clone()).collect();
        needed.remove(file);
        needs.insert(file.clone(), needed);
    }
    needs
}

/// Takes away what needs nothing that is left, again and again; what stays stands in a circle, or needs one that does.
fn left_in_circles(mut needs: BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    loop {
        let free: Vec<String> =
            needs.iter().filter(|(_, needed)| needed.is_empty()).map(|(file, _)| file.clone()).collect();
        if free.is_empty() {
            return needs;
        }
        for file in free {
            needs.remove(&file);
            for needed in needs.values_mut() {
                needed.remove(&file);
            }
        }
    }
}

#[test]
fn no_file_needs_one_that_needs_it() {
    let modules = modules();
    let circles = left_in_circles(needs(&modules));
    assert!(circles.is_empty(), "circles of files, with what needs them: {circles:#?}");
}

#[test]
fn a_circle_is_found() {
    let needs = |pairs: &[(&str, &[&str])]| {
        let each = |(file, needed): &(&str, &[&str])| {
            ((*file).to_owned(), needed.iter().map(|file| (*file).to_owned()).collect())
        };
        pairs.iter().map(each).collect()
    };
    assert!(left_in_circles(needs(&[("a", &["b"]), ("b", &["c"]), ("c", &[])])).is_empty());
    assert_eq!(left_in_circles(needs(&[("a", &["b"]), ("b", &["a", "c"]), ("c", &[])])).len(), 2);
    let mut paths = Vec::new();
    spread(&[], "super::a::{self, b, c::{d, E as F}}", &mut paths);
    let paths: Vec<String> = paths.iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["super::a::self", "super::a::b", "super::a::c::d", "super::a::c::E"]);
}
