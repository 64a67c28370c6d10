//! Passwords inside URLs: never printed.

/// `text` with what stands between the user and the last `@` replaced by `***`. It also hides the password of a
/// malformed URL, for one that was mistyped is as secret as one that was not.
#[must_use]
pub fn masked(text: &str) -> String {
    let user_at = text.find("://").map_or(0, |scheme| scheme + "://".len());
    let Some(host_at) = text.rfind('@').filter(|at| *at >= user_at) else { return text.to_owned() };
    match text[user_at..host_at].find(':') {
        Some(colon) => format!("{}:***{}", &text[..user_at + colon], &text[host_at..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_hidden_and_the_rest_is_shown() {
        assert_eq!(masked("mysql://chat:geheim@db:3306/chat"), "mysql://chat:***@db:3306/chat");
        assert_eq!(masked("redis://:geheim@cache:6379/"), "redis://:***@cache:6379/");
        assert_eq!(masked("redis://cache:6379/"), "redis://cache:6379/");
        assert_eq!(masked("mysql://chat@db/chat"), "mysql://chat@db/chat");
    }

    #[test]
    fn a_mistyped_url_hides_its_password_too() {
        assert_eq!(masked("mysql://chat:a@b/c:d@db/chat"), "mysql://chat:***@db/chat");
        assert_eq!(masked("chat:geheim@db"), "chat:***@db");
        assert_eq!(masked("@://"), "@://");
    }
}
