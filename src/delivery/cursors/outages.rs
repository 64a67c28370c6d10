//! What the log says of a database that does not take what is written behind: when that begins, and when it is over. There is a
//! try each second, and an outage must not fill the log.

use crate::store::StoreError;

/// What is written behind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Behind {
    Confirmed,
    Read,
    States,
}

impl Behind {
    fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed positions",
            Self::Read => "read positions",
            Self::States => "reports of who is online",
        }
    }
}

/// Which of it is not taken at present.
#[derive(Debug, Default)]
pub(super) struct Outages([bool; 3]);

impl Outages {
    /// It was tried, with this outcome.
    pub(super) fn note(&mut self, what: Behind, failure: Option<&StoreError>) {
        if let Some(line) = self.turn(what, failure) {
            log::log!(if failure.is_some() { log::Level::Warn } else { log::Level::Info }, "{line}");
        }
    }

    /// The line, if something has begun or ended.
    fn turn(&mut self, what: Behind, failure: Option<&StoreError>) -> Option<String> {
        let (name, is_failing) = (what.name(), &mut self.0[what as usize]);
        if std::mem::replace(is_failing, failure.is_some()) == failure.is_some() {
            return None;
        }
        Some(match failure {
            Some(error) => format!("{name} wait, the database does not take them at present: {error}"),
            None => format!("the database takes {name} again"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_when_it_begins_and_when_it_is_over() {
        let away = StoreError::Unavailable("away".into());
        let mut outages = Outages::default();
        assert_eq!(outages.turn(Behind::Read, None), None);
        let told = outages.turn(Behind::Read, Some(&away)).unwrap();
        assert_eq!(told, "read positions wait, the database does not take them at present: storage unavailable: away");
        assert_eq!(outages.turn(Behind::Read, Some(&away)), None);
        assert!(outages.turn(Behind::States, Some(&away)).is_some_and(|told| told.starts_with("reports of")));
        assert_eq!(outages.turn(Behind::Read, None).unwrap(), "the database takes read positions again");
        assert_eq!(outages.turn(Behind::Read, None), None);
        assert_eq!(outages.turn(Behind::States, Some(&away)), None);
    }
}
