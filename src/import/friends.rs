//! Friendships: of one direction or two before, mutual from now on.

use std::collections::HashSet;

use super::error::ImportError;
use super::people::People;
use super::progress::Progress;
use super::report::{Report, Table, Why};
use super::source::Fields;
use super::target::Target;
use crate::ids::{ConvId, UserId};
use crate::store::bulk::Brought;

/// Friendships of one transaction.
const AT_ONCE: usize = 4_096;

/// All friendships of the source.
#[derive(Default)]
pub(super) struct Friendships {
    /// As the rows say: whose friend who is.
    rows: HashSet<(UserId, UserId)>,
    /// In the order in which they came; the lower id first.
    pairs: Vec<(UserId, UserId)>,
}

impl Friendships {
    /// Takes a row: user, friend.
    pub(super) fn take(&mut self, row: Fields, people: &People, report: &mut Report) -> Result<(), ImportError> {
        report.tally(Table::Friend).read += 1;
        let [user, friend] = <[Option<String>; 2]>::try_from(row).unwrap_or_default().map(Option::unwrap_or_default);
        let told = format!("{user}, {friend}");
        let find = |id: &str| id.parse().map_err(|_| Why::BadId).and_then(|id| people.find(id));
        match (find(&user), find(&friend)) {
            (Ok(user), Ok(friend)) if user == friend => Ok(report.left_out(Table::Friend, &told, Why::Oneself)?),
            (Ok(user), Ok(friend)) => {
                if !self.rows.insert((user, friend)) {
                    return Ok(report.left_out(Table::Friend, &told, Why::Double)?);
                }
                if !self.rows.contains(&(friend, user)) {
                    self.pairs.push((user.min(friend), user.max(friend)));
                }
                Ok(())
            }
            (Err(why), _) | (_, Err(why)) => Ok(report.left_out(Table::Friend, &told, why)?),
        }
    }

    /// Writes those that are not there yet.
    pub(super) fn write(&self, mut target: Option<&mut Target>, report: &mut Report) -> Result<(), ImportError> {
        for &(a, b) in &self.pairs {
            let missing = [(a, b), (b, a)].into_iter().find(|row| !self.rows.contains(row));
            if let Some((user, friend)) = missing {
                report.changed(Table::Friend, &format!("{friend}, {user}"), Why::OneDirection, None)?;
            }
        }
        let ledger = target.as_mut().map(|target| target.ledger(Brought::Friendship)).transpose()?.unwrap_or_default();
        let is_missing = |pair: &&(UserId, UserId)| !ledger.contains_key(&ConvId::pair(pair.0, pair.1).number());
        let missing: Vec<(UserId, UserId)> = self.pairs.iter().filter(is_missing).copied().collect();
        report.tally(Table::Friend).present = (self.pairs.len() - missing.len()) as u64;
        let mut progress = Progress::new("friendships", missing.len() as u64);
        for piece in missing.chunks(AT_ONCE) {
            if let Some(target) = &mut target {
                target.bulk().put_friends(piece)?;
            }
            report.tally(Table::Friend).brought += piece.len() as u64;
            progress.add(piece.len() as u64);
        }
        progress.finish();
        Ok(())
    }
}
