//! `carnet completions`: prints a shell's completions of the command.

use std::io::{self, Write};

use carnet_local::BoxError;
use clap::{Args as ClapArgs, Command};
use clap_complete::Shell;

/// The end of the long help.
pub(crate) const HELP: &str = "\
The completions are printed on standard output. Where they belong, for an executable `carnet` in
the PATH:

  carnet completions bash > ~/.local/share/bash-completion/completions/carnet
  carnet completions zsh > ~/.zfunc/_carnet
  carnet completions fish > ~/.config/fish/completions/carnet.fish

zsh looks into ~/.zfunc if ~/.zshrc has `fpath+=~/.zfunc` before `compinit`.";

/// Options of `carnet completions`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

/// Runs the command.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn run(args: &Args, command: &mut Command) -> Result<(), BoxError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "carnet", &mut script);
    Ok(io::stdout().write_all(&script)?)
}
