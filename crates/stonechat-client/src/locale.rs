//! Whether the terminal's character set is UTF-8, as the environment tells it. What is shown and typed always is.

/// The variables that say so; the first one that is set counts.
const VARIABLES: [&str; 3] = ["LC_ALL", "LC_CTYPE", "LANG"];

/// What to tell somebody whose terminal is not set to UTF-8.
pub(crate) fn complaint() -> Option<String> {
    complaint_about(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
}

fn complaint_about(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let set = VARIABLES.iter().find_map(|name| Some((*name, variable(name).filter(|value| !value.is_empty())?)));
    let (said, name) = match set {
        Some((_, value)) if is_utf8(&value) => return None,
        Some((name, value)) => (format!("{name} is {value}"), name),
        None => ("LANG is not set".to_owned(), "LANG"),
    };
    Some(format!(
        "This terminal is not set to UTF-8 ({said}): letters beyond ASCII may look wrong. Set {name}, for example to C.UTF-8"
    ))
}

/// `de_DE.UTF-8`, `C.utf8`; also with a modifier behind it.
fn is_utf8(locale: &str) -> bool {
    let charset = locale.split('@').next().and_then(|locale| locale.split_once('.')).map(|(_, charset)| charset);
    charset.is_some_and(|charset| charset.replace('-', "").eq_ignore_ascii_case("utf8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(set: &[(&str, &str)]) -> Option<String> {
        complaint_about(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn utf8_is_known_in_every_spelling() {
        for locale in ["C.UTF-8", "de_DE.utf8", "en_US.UTF-8@euro", "zh_CN.Utf-8"] {
            assert_eq!(told(&[("LANG", locale)]), None, "{locale}");
        }
        assert_eq!(told(&[("LC_ALL", ""), ("LC_CTYPE", "C.UTF-8"), ("LANG", "C")]), None);
    }

    #[test]
    fn anything_else_is_named() {
        for locale in ["C", "POSIX", "de_DE", "de_DE.ISO-8859-1", "ja_JP.eucJP"] {
            let text = told(&[("LC_ALL", locale), ("LANG", "C.UTF-8")]).unwrap();
            assert!(text.contains(&format!("(LC_ALL is {locale})")), "{text}");
        }
        assert!(told(&[]).unwrap().contains("(LANG is not set)"));
    }
}
