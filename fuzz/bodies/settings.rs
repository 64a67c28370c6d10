//! The configuration file: any text is accepted or refused with reasons, never with a panic, and what is accepted and
//! written out as a file again means the same.

use stonechat::config::load_text;

/// The bytes are the file.
pub fn run(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let effective = match load_text(text) {
        Ok(effective) => effective,
        Err(problems) => {
            assert!(!problems.to_string().is_empty(), "a refusal says why");
            return;
        }
    };
    // Passwords are masked in a listing, so an address that has one does not come back.
    let listed: Vec<_> =
        effective.settings().filter(|setting| setting.key != "mysql" && setting.key != "redis").collect();
    let again: Vec<String> = listed.iter().map(|setting| format!("{} = {}", setting.key, setting.value)).collect();
    let again = again.join("\n");
    let reread = load_text(&again).unwrap_or_else(|problems| panic!("{problems}\nof\n{again}"));
    for (before, after) in listed.iter().zip(reread.settings().filter(|s| s.key != "mysql" && s.key != "redis")) {
        assert_eq!((before.key, &before.value), (after.key, &after.value));
    }
}
