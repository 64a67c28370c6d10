//! Why an administrator's request is not done.

use serde_json::json;

use super::http::Answer;
use crate::store::StoreError;

/// A status, and a sentence.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    status: &'static str,
    text: String,
}

impl Refusal {
    /// It makes no sense.
    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self { status: "400 Bad Request", text: text.into() }
    }

    /// There is no such thing.
    pub(super) fn not_found(text: impl Into<String>) -> Self {
        Self { status: "404 Not Found", text: text.into() }
    }

    /// It contradicts how things are.
    pub(super) fn conflict(text: impl Into<String>) -> Self {
        Self { status: "409 Conflict", text: text.into() }
    }

    /// It is too long.
    pub(super) fn too_large(text: impl Into<String>) -> Self {
        Self { status: "413 Content Too Large", text: text.into() }
    }

    /// Not now.
    pub(super) fn unavailable(text: impl Into<String>) -> Self {
        Self { status: "503 Service Unavailable", text: text.into() }
    }

    /// A bug.
    pub(super) fn internal() -> Self {
        Self { status: "500 Internal Server Error", text: "internal error".to_owned() }
    }

    /// As it is answered.
    pub(super) fn answer(&self) -> Answer {
        Answer::json(self.status, &json!({"error": self.text}))
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Busy(_) | StoreError::OutcomeUnknown(_) => {
                Self::unavailable(format!("{error}; try again"))
            }
            StoreError::Broken(_) => {
                log::error!("admin: {error}");
                Self::internal()
            }
        }
    }
}
