//! An ordinary connection to Redis for commands and their answers, pipelined. After any error it is of no use any
//! more, for a late answer would be taken for the next command's: it consumes itself.

use std::time::Duration;

use redis::{Connection, RedisError, RedisResult, Value};

use super::address::Address;
use super::channels::{Names, RedisChannel};

/// One message to publish: where, and the bytes with their sender ahead.
pub(super) type Message = (RedisChannel, Vec<u8>);

/// An open connection.
pub(super) struct CommandConnection {
    connection: Connection,
}

impl CommandConnection {
    /// Connects and names the connection. Waits for about `timeout` at most.
    pub(super) fn open(address: &Address, name: &str, timeout: Duration) -> RedisResult<Self> {
        let connection = address.client().get_connection_with_timeout(timeout)?;
        connection.set_read_timeout(Some(timeout))?;
        connection.set_write_timeout(Some(timeout))?;
        let mut pipe = Self { connection };
        pipe.connection.send_packed_command(&redis::cmd("CLIENT").arg("SETNAME").arg(name).get_packed_command())?;
        // The name is for people; a server may refuse it, but not leave it unanswered.
        match pipe.connection.recv_response() {
            Err(error) if error.is_io_error() => Err(error),
            _ => Ok(pipe),
        }
    }

    /// From now on each read and each write may take this long.
    pub(super) fn set_timeout(&self, timeout: Duration) -> RedisResult<()> {
        // Zero would be "for ever" to the kernel.
        let timeout = Some(timeout.max(Duration::from_millis(1)));
        self.connection.set_read_timeout(timeout)?;
        self.connection.set_write_timeout(timeout)
    }

    /// Publishes all messages in order: one write, then as many answers.
    ///
    /// # Errors
    /// Any message from the first unanswered one on may have been published, or not.
    pub(super) fn publish(mut self, names: &Names, messages: &[Message]) -> RedisResult<Self> {
        let (mut out, mut name) = (Vec::new(), String::new());
        for (topic, message) in messages {
            let name = names.write(*topic, &mut name);
            redis::cmd("PUBLISH").arg(name).arg(message.as_slice()).write_packed_command(&mut out);
        }
        self.connection.send_packed_command(&out)?;
        for _ in messages {
            refused(self.connection.recv_response()?)?;
        }
        Ok(self)
    }

    /// How many subscribers each topic has.
    pub(super) fn subscribers(self, names: &Names, topics: &[RedisChannel]) -> RedisResult<(Self, Vec<u64>)> {
        self.subscribers_of_all(names, &[topics])
    }

    /// The same for several questions in one write; the answers one behind the other.
    pub(super) fn subscribers_of_all(
        mut self,
        names: &Names,
        questions: &[&[RedisChannel]],
    ) -> RedisResult<(Self, Vec<u64>)> {
        let (mut out, mut name) = (Vec::new(), String::new());
        for topics in questions {
            let mut command = redis::cmd("PUBSUB");
            command.arg("NUMSUB");
            for topic in *topics {
                command.arg(names.write(*topic, &mut name));
            }
            command.write_packed_command(&mut out);
        }
        self.connection.send_packed_command(&out)?;
        let mut all = Vec::new();
        for topics in questions {
            let counts = counts(refused(self.connection.recv_response()?)?);
            if counts.len() != topics.len() {
                return Err(nonsense("NUMSUB did not answer for every channel"));
            }
            all.extend(counts);
        }
        Ok((self, all))
    }
}

/// An answer that is an error, as such.
fn refused(answer: Value) -> RedisResult<Value> {
    answer.extract_error()
}

/// The numbers of a flat list of names and numbers.
fn counts(answer: Value) -> Vec<u64> {
    let Value::Array(items) = answer else { return Vec::new() };
    let number = |item: Value| match item {
        Value::Int(number) => u64::try_from(number).ok(),
        _ => None,
    };
    items.into_iter().skip(1).step_by(2).filter_map(number).collect()
}

fn nonsense(what: &'static str) -> RedisError {
    RedisError::from((redis::ErrorKind::UnexpectedReturnType, what))
}
