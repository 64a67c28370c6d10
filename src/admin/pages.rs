//! What is served, and to whom: the pages for everybody, and /v1 for who may administrate.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::client::{Admitted, Answers, Given};
use super::desk::{Desk, Errand};
use super::http::{Answer, BODY_BYTES_MAX, Body, Length, WholeHead};
use super::refusal::Refusal;
use super::reply::{Reply, Waker};
use super::request;
use super::socket::Peer;
use super::token::AdminToken;
use crate::metrics::Metrics;

/// What the metrics library writes.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers whether the node can serve, or why not: one reason per entry.
pub(super) type Ready = Box<dyn Fn() -> Result<(), Vec<String>> + Send + Sync>;

/// What is served, whoever asks. Shared by the address and the socket.
pub(crate) struct Pages {
    pub(super) metrics: Arc<Metrics>,
    pub(super) ready: Ready,
    /// By what who comes from the network may administrate; `None`: not at all.
    pub(super) token: Option<AdminToken>,
    /// Where administrators' requests go; none while the node starts.
    desk: Mutex<Option<Desk>>,
}

impl Pages {
    /// Pages of a node that starts. `ready` must not block.
    pub(crate) fn new(
        metrics: Arc<Metrics>,
        token: Option<AdminToken>,
        ready: impl Fn() -> Result<(), Vec<String>> + Send + Sync + 'static,
    ) -> Self {
        Self { metrics, ready: Box::new(ready), token, desk: Mutex::new(None) }
    }

    /// From now on administrators are served.
    pub(crate) fn open(&self, desk: Desk) {
        *self.desk.lock().unwrap_or_else(PoisonError::into_inner) = Some(desk);
    }

    /// From now on they are not; what was taken is still done.
    pub(crate) fn close(&self) {
        *self.desk.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn desk(&self) -> Option<Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why somebody may not administrate.
    fn denied(&self, authorization: Option<&str>, peer: Peer) -> Option<Answer> {
        let refused =
            |status, fields, text: &str| Some(Answer { fields, ..Answer::json(status, &json!({"error": text})) });
        match (peer, self.token) {
            (Peer::Own(_), _) => None,
            (Peer::Other(uid), _) => {
                let text = format!("user {uid} of this machine is neither the server's own nor root");
                refused("403 Forbidden", "", &text)
            }
            (Peer::Exposed, Some(_)) => {
                let text = "others could read the token on the way: ask by https";
                refused("403 Forbidden", "", text)
            }
            (Peer::Network | Peer::Exposed, None) => {
                let text = "no token is set: only admin.sock takes this. admin_token_file names a file with one";
                refused("403 Forbidden", "", text)
            }
            (Peer::Network, Some(token)) if token.is_shown_by(authorization) => None,
            (Peer::Network, Some(_)) => {
                let text = "the token is missing or wrong: Authorization: Bearer TOKEN";
                refused("401 Unauthorized", "WWW-Authenticate: Bearer\r\n", text)
            }
        }
    }

    fn page(&self, method: &str, path: &str) -> Answer {
        let answer = match path {
            "/metrics" => Answer { kind: METRICS_TYPE, ..Answer::text("200 OK", self.metrics.text()) },
            "/healthz" => Answer::text("200 OK", "ok\n"),
            "/readyz" => self.readiness(),
            _ => Answer::text("404 Not Found", "here are /metrics, /healthz, /readyz and /v1/\n"),
        };
        match method {
            "GET" => answer,
            "HEAD" => Answer { body: Body::LengthOnly(answer.body.len()), ..answer },
            _ if answer.status.starts_with("404") => answer,
            _ => Answer {
                fields: "Allow: GET, HEAD\r\n",
                ..Answer::text("405 Method Not Allowed", "only GET and HEAD\n")
            },
        }
    }

    fn readiness(&self) -> Answer {
        match (self.ready)() {
            Ok(()) => Answer::text("200 OK", "ready\n"),
            Err(reasons) => {
                let lines: Vec<String> = reasons.iter().map(|reason| reason.replace('\n', " ")).collect();
                Answer::text("503 Service Unavailable", lines.join("\n") + "\n")
            }
        }
    }
}

/// Method and target of a request line: "GET /metrics HTTP/1.1".
fn asked(line: &str) -> Result<(&str, &str), Answer> {
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Answer::text("400 Bad Request", "this is no HTTP request\n"));
    };
    if !version.starts_with("HTTP/1.") {
        return Err(Answer::text("400 Bad Request", "this is no HTTP/1.1 request\n"));
    }
    Ok((method, target))
}

/// The same pages, for the clients of one thread, which is woken by this waker.
pub(super) struct Served {
    pub(super) pages: Arc<Pages>,
    pub(super) waker: Waker,
}

impl Answers for Served {
    fn admit(&self, head: &WholeHead, peer: Peer) -> Admitted {
        let (method, target) = match asked(&head.line) {
            Ok(asked) => asked,
            Err(answer) => return Admitted::Answered(answer),
        };
        let path = target.split('?').next().unwrap_or(target);
        if !path.starts_with("/v1/") {
            return Admitted::Answered(self.pages.page(method, path));
        }
        if let Some(denied) = self.pages.denied(head.authorization.as_deref(), peer) {
            return Admitted::Answered(denied);
        }
        match head.length {
            Length::Bytes(length) if length <= BODY_BYTES_MAX => Admitted::Body(length),
            Length::Bytes(_) => {
                let refusal = Refusal::too_large(format!("the body is longer than {BODY_BYTES_MAX} bytes"));
                Admitted::Answered(refusal.answer())
            }
            Length::Unusable => {
                Admitted::Answered(Refusal::bad("the body must have its length in Content-Length").answer())
            }
        }
    }

    fn ask(&self, head: &WholeHead, body: &[u8], peer: Peer) -> Given {
        let parsed = match asked(&head.line) {
            Ok((method, target)) => request::parse(method, target, body),
            Err(answer) => return Given::Now(answer),
        };
        let request = match parsed {
            Ok(request) => request,
            Err(refusal) => return Given::Now(refusal.answer()),
        };
        let Some(desk) = self.pages.desk() else {
            return Given::Now(Refusal::unavailable("the node starts or stops; try again in a moment").answer());
        };
        let who = match peer {
            Peer::Network | Peer::Exposed => "token".to_owned(),
            Peer::Own(uid) | Peer::Other(uid) => format!("uid {uid}"),
        };
        let (reply, pieces) = Reply::new(self.waker.clone());
        match desk.take(Errand { request, who, reply }) {
            Ok(()) => Given::Later(pieces),
            Err(refusal) => Given::Now(refusal.answer()),
        }
    }
}
