//! Questions before something is done to one's account. Pure: prompts out, answers in.
//!
//! ```text
//!   /password   the password until now, the new one, the new one once more
//!   /erase      the account's name, to see that it is meant; then the password
//! ```

use crate::command::Command;

/// Questions and the answers so far.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Interview {
    /// The passwords that were typed.
    Password(Vec<String>),
    /// Of this account.
    Erase { name: String, is_meant: bool },
}

/// What comes of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answered {
    Asks(Interview),
    Orders(Command),
    /// It comes to nothing, for this reason.
    Ends(String),
}

impl Interview {
    /// What is to be asked before this command is carried out.
    pub(crate) fn before(order: &Command, name: &str) -> Option<Self> {
        match order {
            Command::Password => Some(Self::Password(Vec::new())),
            Command::Erase => Some(Self::Erase { name: name.to_owned(), is_meant: false }),
            _ => None,
        }
    }

    /// The question.
    pub(crate) fn prompt(&self) -> String {
        match self {
            Self::Password(typed) => match typed.len() {
                0 => "Your password until now: ".to_owned(),
                1 => "The new password: ".to_owned(),
                _ => "The new password once more: ".to_owned(),
            },
            Self::Erase { name, is_meant: false } => {
                format!("Type {name} to erase the account and all it has said, for good: ")
            }
            Self::Erase { .. } => "Your password, to erase the account: ".to_owned(),
        }
    }

    /// Nobody is to read the answer.
    pub(crate) fn is_secret(&self) -> bool {
        !matches!(self, Self::Erase { is_meant: false, .. })
    }

    /// Takes an answer.
    pub(crate) fn answer(self, text: &str) -> Answered {
        if text.is_empty() {
            return Answered::Ends("nothing is changed".to_owned());
        }
        match self {
            Self::Password(mut typed) => {
                typed.push(text.to_owned());
                match &typed[..] {
                    [old, new, again] if new == again => {
                        Answered::Orders(Command::ChangePassword { old: old.clone(), new: new.clone() })
                    }
                    [_, _, _] => {
                        Answered::Ends("the new password was not typed the same twice: nothing is changed".to_owned())
                    }
                    _ => Answered::Asks(Self::Password(typed)),
                }
            }
            Self::Erase { name, is_meant: false } if text == name => {
                Answered::Asks(Self::Erase { name, is_meant: true })
            }
            Self::Erase { is_meant: false, .. } => {
                Answered::Ends("that is not the account's name: nothing is erased".to_owned())
            }
            Self::Erase { .. } => Answered::Orders(Command::EraseAccount { password: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(order: &Command, answers: &[&str]) -> Answered {
        let mut interview = Interview::before(order, "anna").unwrap();
        for answer in answers {
            match interview.answer(answer) {
                Answered::Asks(next) => interview = next,
                end => return end,
            }
        }
        Answered::Asks(interview)
    }

    #[test]
    fn a_password_is_typed_twice() {
        let expected = Command::ChangePassword { old: "old".into(), new: "new".into() };
        assert_eq!(through(&Command::Password, &["old", "new", "new"]), Answered::Orders(expected));
        assert!(matches!(through(&Command::Password, &["old", "new", "nwe"]), Answered::Ends(_)));
        assert!(matches!(through(&Command::Password, &[""]), Answered::Ends(_)));
    }

    #[test]
    fn nothing_is_erased_by_mistake() {
        let expected = Command::EraseAccount { password: "pw".into() };
        assert_eq!(through(&Command::Erase, &["anna", "pw"]), Answered::Orders(expected));
        assert!(matches!(through(&Command::Erase, &["yes"]), Answered::Ends(_)));
        assert!(matches!(through(&Command::Erase, &["anna", ""]), Answered::Ends(_)));
        assert!(!Interview::before(&Command::Erase, "anna").unwrap().is_secret());
    }
}
