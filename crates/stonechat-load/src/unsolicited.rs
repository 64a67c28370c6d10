//! What the server says to a session beside the talk that a workload is about: it asks whether somebody is there, tells
//! news, and refuses. Every workload that talks takes it alike.

use anyhow::{Result, bail};
use stonechat_protocol::ask::Ask;

use crate::engine::Net;
use crate::wire::{msgid, msgid_of, not_understood, refusal};

/// Takes a line that is none of the workload's own.
///
/// # Errors
/// The server refuses something, or says what nobody waits for.
pub(crate) fn line(net: &mut Net, k: usize, line: &[u8]) -> Result<()> {
    match msgid_of(line) {
        msgid::PING => net.send(k, Ask::Pong.line(None).as_bytes()),
        msgid::NOTICE => {}
        msgid::ERROR => bail!("{}", refusal(line)),
        _ => return Err(not_understood(line)),
    }
    Ok(())
}
