//! The state machine as a whole: lines in, effects and what is known out. No server.
