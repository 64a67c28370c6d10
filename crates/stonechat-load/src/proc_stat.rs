//! What /proc tells of a process: the CPU time it has used and its share of memory (PSS).

use std::fs;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result};

/// A process to watch, as `--pid NAME=PID` names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Watched {
    /// For the report.
    pub(crate) name: String,
    folder: PathBuf,
}

impl FromStr for Watched {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, pid) = text.split_once('=').ok_or("NAME=PID is wanted")?;
        let pid: u32 = pid.parse().map_err(|_| format!("{pid:?} is no process id"))?;
        let folder = PathBuf::from(format!("/proc/{pid}"));
        if !folder.exists() {
            return Err(format!("there is no process {pid}"));
        }
        Ok(Self { name: name.to_owned(), folder })
    }
}

impl Watched {
    /// The calling thread. It has no memory of its own.
    pub(crate) fn this_thread(name: &str) -> Result<Self> {
        let link = fs::read_link("/proc/thread-self").context("/proc is not there")?;
        Ok(Self { name: name.to_owned(), folder: PathBuf::from("/proc").join(link) })
    }

    /// User and system time used since it started, in steps of 10 ms on most systems.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = self.read("stat")?;
        let ticks = ticks(&stat).with_context(|| format!("/proc is not understood: {stat}"))?;
        let per_second = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_secs(ticks) / u32::try_from(per_second).unwrap_or(100))
    }

    /// Memory in bytes: its own, and its part of what it shares.
    pub(crate) fn pss_bytes(&self) -> Result<u64> {
        let rollup = self.read("smaps_rollup")?;
        let kib = rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.parse().ok());
        kib.map(|kib: u64| kib * 1024).context("no Pss in smaps_rollup")
    }

    fn read(&self, file: &str) -> Result<String> {
        let path = self.folder.join(file);
        fs::read_to_string(&path).with_context(|| format!("{} cannot be read ({})", self.name, path.display()))
    }
}

/// utime and stime together: the 14th and 15th field, counted behind the name, which may hold blanks and brackets.
fn ticks(stat: &str) -> Option<u64> {
    let (_, behind) = stat.rsplit_once(") ")?;
    let mut fields = behind.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_fields() {
        let stat = "7 (a) 1 (b) S 1 7 7 0 -1 4194560 100 0 0 0 25 17 3 4 20 0 1 0 100 1000 10";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("nonsense"), None);
    }

    #[test]
    fn this_process_is_there() {
        let me: Watched = format!("me={}", std::process::id()).parse().unwrap();
        assert_eq!(me.name, "me");
        assert!(me.pss_bytes().unwrap() > 100_000);
        assert!(me.cpu().unwrap() >= Watched::this_thread("thread").unwrap().cpu().unwrap());
    }

    #[test]
    fn nobody_is_refused() {
        assert!("server".parse::<Watched>().is_err());
        assert!("server=x".parse::<Watched>().is_err());
        assert!("server=4194999".parse::<Watched>().is_err());
    }
}
