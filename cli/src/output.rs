//! What commands for operators print and write: tables, JSON documents, questions, and receipts.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

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
    match prompt(&format!("{question} [y/N]"))?.to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err("nothing was changed, because the answer was not yes".into()),
    }
}

/// Asks on standard error for something that confirms what the command does. Returns the line that was typed, without
/// white space around it.
///
/// # Errors
/// When standard input is not a terminal.
pub(crate) fn prompt(question: &str) -> Result<String, BoxError> {
    if !io::stdin().is_terminal() {
        return Err("this has to be confirmed, and standard input is not a terminal; add --yes".into());
    }
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question} ")?;
    stderr.flush()?;
    Ok(typed(&mut io::stdin().lock())?)
}

fn typed(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

/// The file of a receipt, which says what a command has deleted.
pub(crate) struct Receipt {
    path: PathBuf,
    file: File,
}

impl Receipt {
    /// A new file, or an empty one that an interrupted command has left. Commands open it before they delete anything,
    /// because a receipt cannot be made afterwards.
    ///
    /// # Errors
    /// When it cannot be written, or has something in it; the text names it.
    pub(crate) fn open(path: &Path) -> Result<Self, BoxError> {
        let nothing = "Nothing was deleted";
        let file =
            OpenOptions::new().append(true).create(true).open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        match file {
            Ok((0, file)) => Ok(Receipt { path: path.to_owned(), file }),
            Ok(_) => {
                Err(format!("{} exists and is not empty; name another file with --receipt. {nothing}", path.display())
                    .into())
            }
            Err(error) => Err(format!("the receipt {} cannot be written: {error}. {nothing}", path.display()).into()),
        }
    }

    /// Writes the receipt. If that fails, it is printed on standard error, so that it is not lost.
    ///
    /// # Errors
    /// When it cannot be written; the text names the file.
    pub(crate) fn write(mut self, document: &Value) -> Result<(), BoxError> {
        let text = format!("{document:#}\n");
        let written = self.file.write_all(text.as_bytes()).and_then(|()| {
            // Pipes and terminals cannot be synchronized.
            if self.file.metadata()?.is_file() { self.file.sync_all() } else { Ok(()) }
        });
        written.map_err(|error| {
            eprint!("{text}");
            format!(
                "what was deleted is in the receipt above, which cannot be written to {}: {error}",
                self.path.display()
            )
            .into()
        })
    }
}

/// Creates a file that only its owner can read, because it has contacts in it.
///
/// # Errors
/// When it cannot be created; the text names it.
pub(crate) fn private_file(path: &Path) -> Result<File, BoxError> {
    let create = || {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        // One that exists keeps its mode, unless it is changed; a device or a pipe has to keep it.
        if file.metadata()?.is_file() {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        Ok(file)
    };
    create().map_err(|error: io::Error| format!("{}: {error}", path.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_the_first_line() {
        for (input, expected) in
            [("acme\n", "acme"), (" acme ", "acme"), ("demo\nacme\n", "demo"), ("\n", ""), ("", "")]
        {
            assert_eq!(typed(&mut input.as_bytes()).unwrap(), expected, "{input:?}");
        }
    }

    #[test]
    fn a_receipt_replaces_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("receipt.json");
        // An interrupted command leaves an empty file.
        drop(Receipt::open(&path).unwrap());
        Receipt::open(&path).unwrap().write(&serde_json::json!({ "removed": 1 })).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        assert_eq!(written, "{\n  \"removed\": 1\n}\n");
        let error = Receipt::open(&path).err().unwrap().to_string();
        assert!(error.contains("is not empty; name another file with --receipt. Nothing was deleted"), "{error}");
        let error = Receipt::open(&directory.path().join("none").join("receipt.json")).err().unwrap().to_string();
        assert!(error.contains("cannot be written"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), written);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_receipt_that_cannot_be_written_is_an_error() {
        let error = Receipt::open(Path::new("/dev/full")).unwrap().write(&Value::Null).unwrap_err().to_string();
        assert!(error.contains("in the receipt above, which cannot be written to /dev/full: No space left"), "{error}");
    }

    #[test]
    fn columns_are_aligned_and_control_characters_replaced() {
        let rows = [["José", "1"], ["a\u{1b}[2Jb", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(table(["NAME", "N"], &rows), "NAME    N\nJosé    1\na\u{fffd}[2Jb\n");
    }
}
