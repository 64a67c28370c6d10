//! An ordinary connection to Redis for commands and their answers, pipelined. After any error it is of no use any
//! more, for a late answer would be taken for the next command's: it consumes itself.

use std::time::Duration;

use redis::{Connection, RedisError, RedisResult, Value};

use super::address::Address;
use super::channels::{Names, RedisChannel};
use super::cluster::topology::{Told, Topology};
use super::sentinel::sentinel_state::{Role, Said};

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

    /// What a sentinel says about the master of that name; `None`: it does not know it.
    pub(super) fn master_by_name(mut self, name: &str) -> RedisResult<(Self, Option<Said>)> {
        let mut out = Vec::new();
        for word in ["GET-MASTER-ADDR-BY-NAME", "MASTER"] {
            redis::cmd("SENTINEL").arg(word).arg(name).write_packed_command(&mut out);
        }
        self.connection.send_packed_command(&out)?;
        let place = self.connection.recv_response()?;
        let about = self.connection.recv_response()?;
        let place = match texts(refused(place)?).as_slice() {
            [host, port] => Some((host.clone(), port.parse().map_err(|_| nonsense("a sentinel names no port"))?)),
            _ => None,
        };
        // A sentinel that may not tell more is believed without an epoch.
        let about = texts(refused(about).unwrap_or(Value::Nil));
        let epoch = about.iter().position(|word| word == "config-epoch").and_then(|at| about.get(at + 1)?.parse().ok());
        Ok((self, place.map(|place| Said { place, epoch: epoch.unwrap_or(0) })))
    }

    /// What a server of a cluster knows of it, which was asked at this host; `None`: some slots have no master.
    pub(super) fn cluster(mut self, asked: &str) -> RedisResult<(Self, Option<Told>)> {
        let mut out = Vec::new();
        for word in ["INFO", "SLOTS"] {
            redis::cmd("CLUSTER").arg(word).write_packed_command(&mut out);
        }
        self.connection.send_packed_command(&out)?;
        let (info, slots) = (self.connection.recv_response()?, self.connection.recv_response()?);
        let info: String = redis::from_redis_value(refused(info)?)?;
        let epoch = info.lines().find_map(|line| line.strip_prefix("cluster_current_epoch:")?.trim().parse().ok());
        let topology = Topology::parse(refused(slots)?, asked);
        Ok((self, topology.map(|topology| Told { topology, epoch: epoch.unwrap_or(0) })))
    }

    /// Sends commands, whose answers are waited for later.
    pub(super) fn send(mut self, out: &[u8]) -> RedisResult<Sent> {
        self.connection.send_packed_command(out)?;
        Ok(Sent(self))
    }

    /// What a server says about its role.
    pub(super) fn role(mut self) -> RedisResult<(Self, Role)> {
        self.connection.send_packed_command(&redis::cmd("ROLE").get_packed_command())?;
        let Value::Array(mut items) = refused(self.connection.recv_response()?)? else {
            return Err(nonsense("ROLE did not answer with a role"));
        };
        items.truncate(1);
        let role = if texts(Value::Array(items)) == ["master"] { Role::Master } else { Role::Replica };
        Ok((self, role))
    }
}

/// A connection whose answers are on their way.
pub(super) struct Sent(CommandConnection);

impl Sent {
    /// Waits for this many answers; a refusal is one.
    pub(super) fn answers(mut self, count: usize) -> RedisResult<(CommandConnection, Vec<RedisResult<Value>>)> {
        let mut answers = Vec::with_capacity(count);
        for _ in 0..count {
            answers.push(refused(self.0.connection.recv_response()?));
        }
        Ok((self.0, answers))
    }
}

/// An answer that is an error, as such.
fn refused(answer: Value) -> RedisResult<Value> {
    answer.extract_error()
}

/// The numbers of a flat list of names and numbers.
pub(super) fn counts(answer: Value) -> Vec<u64> {
    let Value::Array(items) = answer else { return Vec::new() };
    let number = |item: Value| match item {
        Value::Int(number) => u64::try_from(number).ok(),
        _ => None,
    };
    items.into_iter().skip(1).step_by(2).filter_map(number).collect()
}

/// The texts of a flat list of them; empty for anything else.
fn texts(answer: Value) -> Vec<String> {
    redis::from_redis_value(answer).unwrap_or_default()
}

/// There is no server to connect to at present.
pub(super) fn no_server() -> RedisError {
    RedisError::from((redis::ErrorKind::Client, "no server of Redis is known that can be reached"))
}

fn nonsense(what: &'static str) -> RedisError {
    RedisError::from((redis::ErrorKind::UnexpectedReturnType, what))
}
