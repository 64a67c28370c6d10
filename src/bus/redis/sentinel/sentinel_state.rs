//! What the sentinels' words mean: stay with the present master, move to another, or leave it. No socket, thread or clock.
//!
//! Sentinels may be late, or cut off from the others, so three things are compared: what each says, the epoch in which it
//! says so (each fail-over has a higher one), and what the servers themselves say about their role.

/// Host and port of a server.
pub(in crate::bus::redis) type Place = (String, u16);

/// What a sentinel says: this is the master, since the fail-over of this epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::bus::redis) struct Said {
    pub(in crate::bus::redis) place: Place,
    /// 0 when the sentinel does not tell.
    pub(in crate::bus::redis) epoch: u64,
}

/// What a server says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::bus::redis) enum Role {
    Master,
    /// It hears a master, and nobody who publishes to it is heard by the others.
    Replica,
    /// It does not answer.
    Unknown,
}

/// What to do about the connections.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::bus::redis) enum Decision {
    /// The present master is one, and is the one that is named.
    Stay,
    /// Nothing can be said: connections find out by themselves whether it still answers.
    Wait,
    /// From now on this one counts.
    Move(Said),
    /// The present one is no master any more, and no other is there yet.
    Leave,
}

/// The word that counts: that of the latest fail-over.
pub(in crate::bus::redis) fn latest(said: &[Said]) -> Option<&Said> {
    // The first of equals: sentinels are asked in the order of the URL.
    said.iter().rev().max_by_key(|said| said.epoch)
}

/// Compares the present master with the word that counts; `role_of` asks a server.
pub(in crate::bus::redis) fn decide(
    present: Option<&Said>,
    named: Option<&Said>,
    mut role_of: impl FnMut(&Place) -> Role,
) -> Decision {
    let role = present.map_or(Role::Unknown, |present| role_of(&present.place));
    if let Some(named) = named.filter(|named| present.is_none_or(|present| present.place != named.place)) {
        // A sentinel that is cut off names the master of before: that is no reason to leave one that works.
        let is_older = role == Role::Master && present.is_some_and(|present| named.epoch < present.epoch);
        if !is_older && role_of(&named.place) == Role::Master {
            return Decision::Move(named.clone());
        }
    }
    match role {
        Role::Master => Decision::Stay,
        Role::Replica => Decision::Leave,
        Role::Unknown => Decision::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(host: &str, epoch: u64) -> Said {
        Said { place: (host.to_owned(), 6379), epoch }
    }

    /// The decision where these are masters and these replicas.
    fn decision(present: Option<&Said>, named: Option<&Said>, masters: &[&str], replicas: &[&str]) -> Decision {
        decide(present, named, |(host, _)| match host.as_str() {
            host if masters.contains(&host) => Role::Master,
            host if replicas.contains(&host) => Role::Replica,
            _ => Role::Unknown,
        })
    }

    #[test]
    fn the_word_of_the_latest_fail_over_counts() {
        assert_eq!(latest(&[]), None);
        assert_eq!(latest(&[said("old", 3), said("new", 4), said("old", 3)]), Some(&said("new", 4)));
        assert_eq!(latest(&[said("first", 0), said("second", 0)]), Some(&said("first", 0)), "no epochs are told");
    }

    #[test]
    fn a_master_is_taken_when_it_says_itself_that_it_is_one() {
        let new = said("new", 1);
        assert_eq!(decision(None, Some(&new), &["new"], &[]), Decision::Move(new.clone()));
        for (masters, replicas) in [(&[][..], &["new"][..]), (&[], &[])] {
            assert_eq!(decision(None, Some(&new), masters, replicas), Decision::Wait, "it is not promoted yet");
        }
    }

    #[test]
    fn a_fail_over_is_followed_even_if_the_master_of_before_still_answers() {
        let (old, new) = (said("old", 1), said("new", 2));
        assert_eq!(decision(Some(&old), Some(&new), &["old", "new"], &[]), Decision::Move(new.clone()));
        assert_eq!(decision(Some(&old), Some(&new), &["new"], &[]), Decision::Move(new.clone()));
        assert_eq!(decision(Some(&old), Some(&new), &["old"], &["new"]), Decision::Stay, "not before it is promoted");
        assert_eq!(decision(Some(&old), Some(&new), &[], &["new"]), Decision::Wait);
    }

    #[test]
    fn a_sentinel_that_is_cut_off_does_not_call_back_to_the_master_of_before() {
        let (old, new) = (said("old", 1), said("new", 2));
        assert_eq!(decision(Some(&new), Some(&old), &["old", "new"], &[]), Decision::Stay);
        // Cut off on its side: there the master of before is all that there is.
        assert_eq!(decision(Some(&new), Some(&old), &["old"], &[]), Decision::Move(old.clone()));
    }

    #[test]
    fn a_master_that_became_a_replica_is_left_whatever_is_said() {
        let old = said("old", 1);
        assert_eq!(decision(Some(&old), Some(&old), &[], &["old"]), Decision::Leave);
        assert_eq!(decision(Some(&old), None, &[], &["old"]), Decision::Leave);
        assert_eq!(decision(Some(&old), None, &["old"], &[]), Decision::Stay, "sentinels are needed for changes only");
        assert_eq!(decision(Some(&old), None, &[], &[]), Decision::Wait);
    }
}
