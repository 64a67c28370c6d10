//! Passwords inside URLs: never printed.

/// `text` with what stands between the user and the last `@` replaced by `***`. It also hides the password of a
/// malformed URL, for one that was mistyped is as secret as one that was not.
#[must_use]
pub fn masked(text: &str) -> String {
    // The URL of a unix socket, or of sentinels. What follows the password may belong to it.
    if let Some(at) =
        ["?pass", "&pass", "?sentinel_pass", "&sentinel_pass"].iter().filter_map(|name| text.find(name)).min()
        && let Some(value) = text[at..].find('=')
    {
        return masked(&text[..at]) + &text[at..=at + value] + "***";
    }
    let user_at = text.find("://").map_or(0, |scheme| scheme + "://".len());
    let Some(host_at) = text.rfind('@').filter(|at| *at >= user_at) else { return without_host(text, user_at) };
    match text[user_at..host_at].find(':') {
        Some(colon) => format!("{}:***{}", &text[..user_at + colon], &text[host_at..]),
        None => text.to_owned(),
    }
}

/// A URL without `@`: what stands behind the colon is a port, or a password whose host was forgotten.
fn without_host(text: &str, user_at: usize) -> String {
    if ["+sentinel://", "+cluster://"].iter().any(|end| text[..user_at].ends_with(end)) {
        return without_credentials(text, user_at);
    }
    let Some(colon) = text[user_at..].find(':').filter(|_| user_at > 0) else { return text.to_owned() };
    let behind = &text[user_at + colon + 1..];
    let port = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
    match behind[port..].chars().next() {
        None | Some('/' | '?' | '#') if port <= 5 => text.to_owned(),
        _ => format!("{}:***", &text[..user_at + colon]),
    }
}

/// Sentinels, or a cluster, without `@`: hosts, each with a port or without, or a password whose hosts were forgotten.
fn without_credentials(text: &str, hosts_at: usize) -> String {
    let end = text[hosts_at..].find(['/', '?', '#']).map_or(text.len(), |end| hosts_at + end);
    let is_port = |port: &str| port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    let is_host = |host: &str| host.starts_with('[') || host.split_once(':').is_none_or(|(_, port)| is_port(port));
    if text[hosts_at..end].split(',').all(is_host) { text.to_owned() } else { format!("{}***", &text[..hosts_at]) }
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
    fn the_password_of_a_unix_socket_is_hidden() {
        assert_eq!(
            masked("redis+unix:///run/redis.sock?user=u&pass=geheim"),
            "redis+unix:///run/redis.sock?user=u&pass=***"
        );
        assert_eq!(masked("unix:///redis.sock?pass=geheim&user=u"), "unix:///redis.sock?pass=***");
        assert_eq!(masked("unix:///redis.sock?pass=ge:he@im"), "unix:///redis.sock?pass=***");
        assert_eq!(masked("redis://:geheim@cache/?password=geheim"), "redis://:***@cache/?password=***");
        assert_eq!(masked("unix:///run/redis.sock"), "unix:///run/redis.sock");
    }

    #[test]
    fn hosts_of_sentinels_are_shown_and_both_passwords_hidden() {
        let plain = "redis+sentinel://a:26379,b,[::1]:26379/chat";
        assert_eq!(masked(plain), plain);
        assert_eq!(
            masked("rediss+sentinel://u:geheim@a:1,b/chat?sentinel_user=u&sentinel_pass=geheim#insecure"),
            "rediss+sentinel://u:***@a:1,b/chat?sentinel_user=u&sentinel_pass=***"
        );
        assert_eq!(masked("redis+sentinel://u:geheim/chat"), "redis+sentinel://***");
        assert_eq!(masked("redis+cluster://a:6379,b:6380"), "redis+cluster://a:6379,b:6380");
        assert_eq!(masked("redis+cluster://:geheim@a:1,b"), "redis+cluster://:***@a:1,b");
    }

    #[test]
    fn a_url_without_a_host_hides_its_password_too() {
        assert_eq!(masked("mysql://chat:geheim"), "mysql://chat:***");
        assert_eq!(masked("mysql://chat:12geheim/db"), "mysql://chat:***");
        assert_eq!(masked("mysql://db:3306/chat"), "mysql://db:3306/chat");
    }

    #[test]
    fn a_mistyped_url_hides_its_password_too() {
        assert_eq!(masked("mysql://chat:a@b/c:d@db/chat"), "mysql://chat:***@db/chat");
        assert_eq!(masked("chat:geheim@db"), "chat:***@db");
        assert_eq!(masked("@://"), "@://");
    }
}
