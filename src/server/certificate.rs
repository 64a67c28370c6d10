//! The certificate for clients: read ahead of everything else; that it ends, or has ended, is told.

use std::sync::Arc;

use rustls::ServerConfig;

use crate::clock::UnixMs;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::net::tls::Certificate;
use crate::start_error::StartError;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Days in which it should have been renewed: certbot does so when 30 are left.
const DAYS_WARNED: i64 = 14;

/// Reads the certificate ahead of everything else: a mistake there is the quickest to mend.
pub(super) fn load(config: &Config) -> Result<Option<Arc<Certificate>>, StartError> {
    let load = |(cert, key)| Certificate::load(cert, key).map(Arc::new);
    config.tls.pair().map(load).transpose().map_err(|error| StartError::Certificate(error.to_string()))
}

/// How TLS is spoken with it, for clients and administrators.
pub(super) fn server_config(certificate: Option<&Arc<Certificate>>) -> Result<Option<Arc<ServerConfig>>, StartError> {
    let config = certificate.map(Certificate::server_config).transpose();
    config.map_err(|error| StartError::Tls(error.to_string()))
}

/// Tells the log and /metrics when the certificate ends that new connections are shown, if there is one.
pub(super) fn tell_expiry(certificate: Option<&Certificate>, metrics: &Metrics, now: UnixMs) {
    let not_after = certificate.and_then(Certificate::not_after);
    metrics.certificate_expiry.set(not_after.map_or(0, |not_after| not_after.0 / 1000));
    if let Some(warning) = not_after.and_then(|not_after| warning(not_after, now)) {
        log::warn!("{warning}");
    }
}

/// What a person should know of a certificate that is good until then; `None`: nothing yet.
pub(super) fn warning(not_after: UnixMs, now: UnixMs) -> Option<String> {
    let left = not_after.0 - now.0;
    if left < 0 {
        return Some(format!(
            "the certificate in tls.cert expired at {not_after}: clients that check it do not connect any more. Renew it, then \
             send SIGHUP"
        ));
    }
    (left < DAYS_WARNED * DAY_MS).then(|| {
        format!(
            "the certificate in tls.cert expires at {not_after}, {} days from now. Renew it, then send SIGHUP",
            left / DAY_MS
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_warned_about_in_time_and_when_it_is_too_late() {
        let end = UnixMs(1_790_000_000_000);
        let told = |days: i64| warning(end, UnixMs(end.0 - days * DAY_MS));
        assert_eq!((told(90), told(14)), (None, None));
        assert!(told(13).is_some_and(|told| told.contains(", 13 days from now")));
        assert!(told(0).is_some_and(|told| told.contains(", 0 days from now")));
        assert!(told(-1).is_some_and(|told| told.contains("expired at 2026-09-21T14:13:20.000Z")));
    }
}
