//! What commands for operators print: tables, JSON documents, and questions.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use carnet_local::BoxError;
use serde_json::Value;

/// A table with a line of headings. The columns are as wide as their longest cell; the last one is not padded.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    aligned(&headings, rows)
}

/// The same with a number of columns that is not known before; every row has as many cells as there are headings.
pub(crate) fn aligned<R: AsRef<[String]>>(headings: &[&str], rows: &[R]) -> String {
    let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let rows = rows.iter().map(|row| row.as_ref().iter().map(|cell| plain(cell)).collect());
    let rows: Vec<Vec<String>> = std::iter::once(headings).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, &width) in row.iter().zip(&widths) {
            line += &format!("{cell:width$}  ");
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// Text without control characters, which could change what a terminal shows. Commands refuse them, but other tools can
/// store them.
pub(crate) fn plain(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// Prints text on standard output.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn print(text: &str) -> Result<(), BoxError> {
    let mut stdout = io::stdout().lock();
    Ok(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())?)
}

/// Prints a JSON document on standard output.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn print_json(document: &Value) -> Result<(), BoxError> {
    print(&format!("{document:#}\n"))
}

/// Asks on standard error whether to go on, unless `yes` says so already.
///
/// # Errors
/// When the answer is not yes, or when standard input is not a terminal.
pub(crate) fn confirm(question: &str, yes: bool) -> Result<(), BoxError> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err("this has to be confirmed, and standard input is not a terminal; add --yes".into());
    }
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err("nothing was changed, because the answer was not yes".into()),
    }
}

/// Creates a file that only its owner can read, because it has contacts in it.
///
/// # Errors
/// When it cannot be created; the text names it.
pub(crate) fn private_file(path: &Path) -> Result<File, BoxError> {
    let create = || {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        // One that exists keeps its mode, unless it is changed.
        file.set_permissions(Permissions::from_mode(0o600))?;
        Ok(file)
    };
    create().map_err(|error: io::Error| format!("{}: {error}", path.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_control_characters_replaced() {
        let rows = [["José", "1"], ["a\u{1b}[2Jb", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(table(["NAME", "N"], &rows), "NAME    N\nJosé    1\na\u{fffd}[2Jb\n");
    }
}
