//! Man pages and shell completions of a program, out of the definition of its own command line, so that neither can be behind it.
//!
//! Each program has the subcommand `generate`: the definitions are where the programs are, and none has to know the others.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Command, Parser, Subcommand};
use clap_complete::Shell;

/// What is to be generated.
#[derive(Subcommand, Clone, Debug)]
pub enum Generate {
    /// Writes the man pages of the program and its subcommands into this folder
    Man {
        /// The folder; it is made if it is not there
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Prints the completions for a shell
    Completions {
        /// Whose completions
        shell: Shell,
    },
}

impl Generate {
    /// Generates it for the program with this command line. Completions go to stdout.
    ///
    /// # Errors
    /// A file or stdout cannot be written.
    pub fn write(&self, mut program: Command) -> io::Result<()> {
        match self {
            Self::Man { folder } => {
                fs::create_dir_all(folder)?;
                clap_mangen::generate_to(program, folder)
            }
            Self::Completions { shell } => {
                // The generator panics where it cannot write.
                let (name, mut text) = (program.get_name().to_owned(), Vec::new());
                clap_complete::generate(*shell, &mut program, name, &mut text);
                io::stdout().write_all(&text)
            }
        }
    }
}

/// `PROGRAM generate ...`
#[derive(Parser)]
#[command(bin_name = "generate")]
struct Asked {
    #[command(subcommand)]
    what: Generate,
}

/// For a program whose own command line does not have the subcommand: generates if the first argument is `generate`, and says with
/// what code to end then.
#[must_use]
pub fn if_asked(program: Command) -> Option<ExitCode> {
    let arguments = std::env::args_os().skip(1);
    if std::env::args_os().nth(1)? != "generate" {
        return None;
    }
    let name = program.get_name().to_owned();
    Some(match Asked::parse_from(arguments).what.write(program) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Whoever has closed stderr does not want to know.
            let _ = writeln!(io::stderr(), "{name}: error: {error}");
            ExitCode::FAILURE
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_has_a_page_and_hidden_ones_have_none() {
        let folder = tempfile::tempdir().unwrap();
        let program = Command::new("chatter")
            .subcommand(Command::new("talk").about("Talks"))
            .subcommand(Command::new("secret").hide(true));
        Generate::Man { folder: folder.path().join("man") }.write(program).unwrap();
        let mut pages: Vec<_> =
            fs::read_dir(folder.path().join("man")).unwrap().map(|page| page.unwrap().file_name()).collect();
        pages.sort();
        assert!(pages.contains(&"chatter.1".into()) && pages.contains(&"chatter-talk.1".into()), "{pages:?}");
        assert!(!pages.contains(&"chatter-secret.1".into()), "{pages:?}");
    }
}
