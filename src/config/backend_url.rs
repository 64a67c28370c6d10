//! What the URLs of MySQL and Redis must look like: a first look, so that a slip is found before anybody connects.

use std::collections::HashSet;

use super::settings::Config;

/// What a URL must look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum UrlShape {
    /// `mysql://user:pw@host:port/db`, with one host or several
    Mysql,
    /// `redis://host:port/`
    Redis,
}

impl UrlShape {
    /// What it takes, in words.
    pub(super) fn takes(self) -> &'static str {
        match self {
            Self::Mysql => {
                "mysql://user:password@host:port/database (special characters percent-encoded), with several hosts \
                 separated by commas and with ?tls=verify, ?tls=required or ?socket=/path behind it if so wished, or empty \
                 for none"
            }
            Self::Redis => {
                "redis://host:port/ or redis://:password@host:port/, the same with rediss:// for TLS, \
                 redis+sentinel://host:port,host:port/name for sentinels, redis+cluster://host:port,host:port for a Redis \
                 Cluster, redis+unix:///path of a socket (?pass=password behind it), or empty for none"
            }
        }
    }

    /// What is wrong inside the URL, if that can be told without repeating it.
    pub(super) fn problem(self, text: &str) -> Option<String> {
        let (_, rest) = text.split_once("://")?;
        if let Some(at) = rest.rfind('@')
            && rest[..at].contains(['@', '/', '?', '#'])
        {
            let told = "has a character in its user name or password that must be percent-encoded: \
                        @ as %40, / as %2F, ? as %3F, # as %23";
            return Some(told.to_owned());
        }
        if self == Self::Redis {
            return redis_problem(text, rest);
        }
        let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
        let hosts = hosts_of(place);
        if let Some(problem) = hosts_problem(&hosts) {
            return Some(problem);
        }
        let query = query?;
        let has = |name: &str| query.split('&').any(|parameter| parameter.starts_with(name));
        if has("tls=") && has("socket=") {
            return Some("has both tls and socket: a unix socket stays on this machine, and knows no TLS".to_owned());
        }
        if has("socket=") && hosts.len() > 1 {
            return Some("has both socket and several hosts: a unix socket is that of one server".to_owned());
        }
        query.split('&').find_map(mysql_parameter)
    }

    /// What stands behind the scheme in the URL of a unix socket, without parameters.
    fn socket_path(self, text: &str) -> Option<&str> {
        let behind = |scheme| text.strip_prefix(scheme).filter(|_| self == Self::Redis);
        let rest = behind("redis+unix://").or_else(|| behind("unix://"))?;
        rest.split('?').next()
    }

    /// What stands behind the scheme in a URL of sentinels.
    fn behind_sentinels(self, text: &str) -> Option<&str> {
        self.behind("redis+sentinel://", text).or_else(|| self.behind("rediss+sentinel://", text))
    }

    fn behind<'a>(self, scheme: &str, text: &'a str) -> Option<&'a str> {
        text.strip_prefix(scheme).filter(|_| self == Self::Redis)
    }

    /// A first look, so that a slip is found at once; the driver has the last word when it connects.
    pub(super) fn fits(self, text: &str) -> bool {
        let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
        if let Some(path) = self.socket_path(text) {
            return plain && path.starts_with('/') && path.len() > 1;
        }
        if let Some(rest) = self.behind_sentinels(text) {
            return plain && names_sentinels(rest);
        }
        if let Some(rest) = self.behind("redis+cluster://", text).or_else(|| self.behind("rediss+cluster://", text)) {
            let rest = rest.split('#').next().unwrap_or_default();
            return plain && are_hosts(rest.strip_suffix('/').unwrap_or(rest));
        }
        let rest = match self {
            Self::Mysql => text.strip_prefix("mysql://"),
            Self::Redis => text.strip_prefix("redis://").or_else(|| text.strip_prefix("rediss://")),
        };
        let Some(rest) = rest else { return false };
        let (_, path) = rest.split_once('/').unwrap_or((rest, ""));
        let database_known = self == Self::Redis || !path.split('?').next().unwrap_or_default().is_empty();
        let hosts = hosts_of(rest);
        let is_alone = self == Self::Mysql || hosts.len() == 1;
        plain && database_known && is_alone && hosts.iter().all(|host| !host.is_empty() && !host.starts_with(':'))
    }
}

/// Servers that one MySQL URL may name.
const MYSQL_HOSTS_MAX: usize = 9;

/// The hosts with their ports, from what stands behind the scheme.
fn hosts_of(rest: &str) -> Vec<&str> {
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default().split(',').collect()
}

/// What is wrong with several hosts.
fn hosts_problem(hosts: &[&str]) -> Option<String> {
    if hosts.len() > MYSQL_HOSTS_MAX {
        return Some(format!("names more than {MYSQL_HOSTS_MAX} hosts"));
    }
    let with_port = |host: &str| host.strip_suffix(":3306").unwrap_or(host).to_lowercase();
    let named: HashSet<String> = hosts.iter().map(|host| with_port(host)).collect();
    (named.len() < hosts.len()).then(|| "names a host twice".to_owned())
}

/// What is wrong with the end of a Redis URL.
fn redis_problem(text: &str, rest: &str) -> Option<String> {
    let is_unknown = |fragment: &str| fragment != "insecure" || !is_by_tls(text);
    if rest.split_once('#').is_some_and(|(_, fragment)| is_unknown(fragment)) {
        let told = "has something unknown behind a #: known is #insecure behind rediss://, for TLS without a check";
        return Some(told.to_owned());
    }
    let rest = UrlShape::Redis.behind_sentinels(text)?.split('#').next()?;
    let is_known =
        |parameter: &str| ["sentinel_user", "sentinel_pass"].contains(&parameter.split('=').next().unwrap_or(""));
    let (_, query) = rest.split_once('?')?;
    query.split('&').any(|parameter| !is_known(parameter)).then(|| {
        "has something unknown behind ?: known are sentinel_user and sentinel_pass, with which the sentinels let somebody in \
         (the password of Redis itself stands ahead of the hosts: redis+sentinel://:password@host:port,host:port/name)"
            .to_owned()
    })
}

/// Whether a Redis URL asks for TLS.
fn is_by_tls(url: &str) -> bool {
    ["rediss://", "rediss+sentinel://", "rediss+cluster://"].iter().any(|scheme| url.starts_with(scheme))
}

/// Whether there are hosts, divided by commas, and the name that the sentinels have for the master.
fn names_sentinels(rest: &str) -> bool {
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let Some((authority, name)) = rest.split_once('/') else { return false };
    !name.is_empty() && !name.contains('/') && are_hosts(authority)
}

/// Whether there are hosts, divided by commas, with credentials ahead or without.
fn are_hosts(authority: &str) -> bool {
    let hosts = authority.rsplit('@').next().unwrap_or_default();
    hosts.split(',').all(|host| !host.is_empty() && !host.starts_with(':') && !host.contains(['/', '?']))
}

/// The parameters that a MySQL URL may have.
const MYSQL_PARAMETERS: &str = "tls (verify or required), socket (a path), compress (true, fast or best), \
                                tcp_keepalive_time_ms and tcp_user_timeout_ms";

/// What is wrong with a parameter of a MySQL URL.
fn mysql_parameter(parameter: &str) -> Option<String> {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    match name {
        "tls" if ["verify", "required"].contains(&value) => None,
        "socket" if ["/", "%2F", "%2f"].iter().any(|root| value.starts_with(root)) => None,
        "compress" if ["true", "fast", "best"].contains(&value) => None,
        "tcp_keepalive_time_ms" | "tcp_user_timeout_ms" if value.parse::<u32>().is_ok() => None,
        "tls" | "socket" | "compress" | "tcp_keepalive_time_ms" | "tcp_user_timeout_ms" => {
            Some(format!("has a bad value for the parameter {name}: known are {MYSQL_PARAMETERS}"))
        }
        _ if !name.is_empty()
            && name.len() <= 40
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') =>
        {
            let tls =
                if name.contains("ssl") || name.contains("tls") { "; TLS is tls=verify, or tls=required" } else { "" };
            Some(format!("has an unknown parameter {name}: known are {MYSQL_PARAMETERS}{tls}"))
        }
        _ => Some(format!("has an unknown parameter: known are {MYSQL_PARAMETERS}")),
    }
}

/// What contradicts: a CA is named, and nothing is checked against it; replicas of a database that is none.
pub(super) fn contradictions(config: &Config) -> Vec<String> {
    let is_checked = |url: &str| url.split(['?', '&']).any(|parameter| parameter == "tls=verify");
    let is_read_checked = config.mysql_read.as_deref().is_some_and(is_checked);
    let mysql = config.mysql_tls_ca.is_some() && config.mysql.as_deref().is_some_and(|url| !is_checked(url));
    let mysql = (mysql && !is_read_checked).then(|| {
        "mysql_tls_ca is set, but mysql asks for no checked certificate: write ?tls=verify behind the URL, or leave \
         mysql_tls_ca out"
            .to_owned()
    });
    let is_checked = |url: &str| is_by_tls(url) && !url.ends_with("#insecure");
    let redis = config.redis_tls_ca.is_some() && config.redis.as_deref().is_some_and(|url| !is_checked(url));
    let redis = redis.then(|| {
        "redis_tls_ca is set, but redis asks for no checked certificate: begin the URL with rediss:// (without #insecure), \
         or leave redis_tls_ca out"
            .to_owned()
    });
    let is_replica_of_nothing = config.mysql_read.is_some() && config.mysql.is_none() && config.mysql_file.is_none();
    let read = is_replica_of_nothing.then(|| {
        "mysql_read needs mysql: it names replicas of the database that all nodes share, and the embedded database has none. \
         Set mysql, or leave mysql_read out"
            .to_owned()
    });
    mysql.into_iter().chain(redis).chain(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_looked_at_before_anybody_connects() {
        for good in [
            "mysql://u:p@h:3306/db",
            "mysql://h/db",
            "mysql://u@h/db?compress=fast&tcp_keepalive_time_ms=1000",
            "mysql://u:p@h/db?tls=verify",
            "mysql://u:p@h/db?tls=required&compress=true",
            "mysql://u@localhost/db?socket=/run/mysqld/mysqld.sock",
            "mysql://u@localhost/db?socket=%2Frun%2Fmysqld.sock",
            "mysql://u:p@h1:3306,h2,[::1]:3307/db?tls=verify",
            "mysql://u:p,w@h1,h1:3307/db",
        ] {
            assert!(UrlShape::Mysql.fits(good), "{good}");
            assert_eq!(UrlShape::Mysql.problem(good), None, "{good}");
        }
        for bad in [
            "",
            "mysql://",
            "mysql:///db",
            "mysql://u:p@h:3306",
            "mysql://u:p@h/",
            "mysql://u:p@:1/db",
            "http://h/db",
            "mysql://h /db",
            "mysql://u:p@h1,/db",
            "mysql://u:p@,h2/db",
            "mysql://u:p@h1,:3307/db",
        ] {
            assert!(!UrlShape::Mysql.fits(bad), "{bad}");
        }
        for good in
            ["redis://h", "redis://h:6379/", "redis://:pw@h:6379/2", "redis+unix:///redis.sock?pass=p", "unix:///r/s"]
        {
            assert!(UrlShape::Redis.fits(good), "{good}");
        }
        for good in [
            "redis+sentinel://a:26379,b,[::1]:3/chat",
            "redis+sentinel://u:p@a/chat?sentinel_pass=x",
            "rediss+sentinel://a/chat#insecure",
            "redis+cluster://a:6379,b,[::1]:3",
            "rediss+cluster://:p@a,b/#insecure",
        ] {
            assert!(UrlShape::Redis.fits(good), "{good}");
            assert_eq!(UrlShape::Redis.problem(good), None, "{good}");
        }
        for bad in [
            "redis+sentinel://a",
            "redis+sentinel://a/",
            "redis+sentinel://a,,b/c",
            "redis+sentinel://:1/c",
            "redis+cluster://",
            "redis+cluster://a,,b",
            "redis+cluster://a/1",
            "redis+cluster://a?pass=p",
        ] {
            assert!(!UrlShape::Redis.fits(bad), "{bad}");
        }
        for bad in ["redis://", "h:6379", "redis://\n", "unix://", "unix:///?pass=p", "unix://r/s", "redis+unix:/r"] {
            assert!(!UrlShape::Redis.fits(bad), "{bad}");
        }
    }

    #[test]
    fn several_hosts_are_different_ones_and_have_no_socket() {
        let problem =
            |hosts: &str, query: &str| UrlShape::Mysql.problem(&format!("mysql://u:hidden@{hosts}/db{query}"));
        for twice in ["h1,h1", "h1,h2,h1:3306", "h1,H1"] {
            assert_eq!(problem(twice, "").unwrap(), "names a host twice");
        }
        let ten: Vec<String> = (0..10).map(|number| format!("h{number}")).collect();
        assert_eq!(problem(&ten[..9].join(","), "?tls=verify"), None);
        assert!(problem(&ten.join(","), "").unwrap().contains("more than 9 hosts"));
        assert!(problem("h1,h2", "?socket=/run/s.sock").unwrap().contains("several hosts"));
        let redis = "redis://h1,h2/";
        assert!(UrlShape::Redis.fits("redis://h1/") && !UrlShape::Redis.fits(redis), "{redis}");
    }

    #[test]
    fn only_tls_may_be_insecure() {
        assert_eq!(UrlShape::Redis.problem("rediss://h/#insecure"), None);
        for bad in [
            "redis+sentinel://h/n#insecure",
            "redis://h/#insecure",
            "rediss://h/#Insecure",
            "rediss://h/#",
            "unix:///r#insecure",
        ] {
            assert!(UrlShape::Redis.problem(bad).unwrap().contains("#insecure behind rediss://"), "{bad}");
        }
    }

    #[test]
    fn sentinels_have_parameters_of_their_own() {
        let told = UrlShape::Redis.problem("redis+sentinel://a/chat?pass=hidden").unwrap();
        assert!(told.contains("sentinel_pass") && !told.contains("hidden"), "{told}");
    }

    #[test]
    fn what_must_be_encoded_is_told_without_repeating_it() {
        for url in [
            "mysql://chat:hid@den@127.0.0.1/db",
            "mysql://chat:hid/den@127.0.0.1/db",
            "mysql://chat:hid?den@127.0.0.1/db",
            "mysql://chat:hid#den@127.0.0.1/db",
            "mysql://chat:hid@den/x@127.0.0.1/db",
        ] {
            let told = UrlShape::Mysql.problem(url).unwrap();
            assert!(told.contains("%40") && !told.contains("hid") && !told.contains("den"), "{told}");
        }
        assert!(UrlShape::Redis.problem("redis://:hid@den@127.0.0.1/").unwrap().contains("%40"));
        for good in ["mysql://chat:hid%40den@127.0.0.1/db", "mysql://h/db", "redis://:pw@h/"] {
            assert_eq!(UrlShape::Mysql.problem(good), None, "{good}");
        }
    }

    #[test]
    fn parameters_that_are_unknown_are_told_with_those_that_are_known() {
        let told = UrlShape::Mysql.problem("mysql://u:p@h/db?require_ssl=true").unwrap();
        assert!(told.contains("require_ssl") && told.contains("compress") && told.contains("TLS"), "{told}");
        let told = UrlShape::Mysql.problem("mysql://u:p@h/db?compress=hidden").unwrap();
        assert!(told.contains("compress") && !told.contains("hidden"), "{told}");
        for bad in ["tls=true", "tls=", "socket=relative.sock", "socket="] {
            let told = UrlShape::Mysql.problem(&format!("mysql://u:p@h/db?{bad}")).unwrap();
            assert!(told.contains("bad value") && told.contains("tls (verify or required), socket (a path)"), "{told}");
        }
        let told = UrlShape::Mysql.problem("mysql://u:p@h/db?tls=verify&socket=/run/mysqld.sock").unwrap();
        assert!(told.contains("both tls and socket"), "{told}");
    }
}
