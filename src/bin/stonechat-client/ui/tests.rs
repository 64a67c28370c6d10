//! The screen as a whole: keys in, cells out. No terminal.
