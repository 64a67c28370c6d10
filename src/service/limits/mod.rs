//! What accounts and addresses may ask for: rates in time, and how many of a thing there may be.

pub(crate) mod address;
pub mod budgets;
pub(crate) mod quotas;
pub(crate) mod rates;
