//! One node: the parts it is made of, and the threads that run them.
//!
//! ```text
//!   assemble --> Parts                 nothing runs yet: the simulation and the session fuzzer step the parts themselves
//!   Parts::spawn --> Threads           every part on a thread of its own
//!
//!   reactors (ChatProtocol) --> lanes (LaneRunner)             chat messages, until they are committed
//!            |             --> workers (Ctx), password hashing  every other request
//!            +-------------------> cursor writer, sweeper       what may be written later
//!   other nodes --> BusListener --> reactors
//! ```
//!
//! `server` brings the surroundings: settings, database, bus, sockets.

mod parts;
mod pool;
mod threads;

pub use self::parts::{Parts, StoreUser, Surroundings, assemble};
pub use self::pool::Pool;
pub(crate) use self::threads::{Means, Threads, bounds};
