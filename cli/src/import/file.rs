//! The file: its rows, as cells of text, read on a thread of their own.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use csv::StringRecord;
use encoding_rs::{Encoding, UTF_8};
use tokio::sync::mpsc;

use super::error::Error;
use super::text::{Counted, Decoded, LineNumbers, MAX_ROW, Numbered, detect};

/// How many rows wait between the file and DynamoDB.
const WAITING: usize = 256;

/// Where rows come from, and how they are written there.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The file; `None` for standard input.
    pub(super) path: Option<PathBuf>,
    /// The encoding; `None` to recognise it.
    pub(super) encoding: Option<&'static Encoding>,
    /// What separates cells; `None` to recognise it.
    pub(super) delimiter: Option<u8>,
}

/// A row of the file.
#[derive(Debug)]
pub(super) struct Record {
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    /// Its cells.
    pub(super) cells: Vec<String>,
}

/// A file that is being read.
pub(super) struct Rows {
    /// The names of the columns.
    pub(super) header: Vec<String>,
    /// The rows; an error is the last.
    pub(super) records: mpsc::Receiver<Result<Record, Error>>,
    /// How many bytes of the file have been read.
    pub(super) bytes: Arc<AtomicU64>,
    /// The size of the file; `None` for a stream.
    pub(super) size: Option<u64>,
}

impl Source {
    /// Checks the whole file, unless it is a stream, so that a file in another encoding or with an open quotation mark
    /// changes nothing. Then starts to read its rows.
    ///
    /// # Errors
    /// [`Error::File`]: it cannot be read, is not in its encoding, or has no header.
    pub(super) fn open(&self) -> Result<Rows, Error> {
        let size = match self.path.as_ref().filter(|path| !is_stream(path)) {
            None => None,
            Some(path) => {
                let mut parsed = Parsed::new(open(path)?, self, Arc::default())?;
                while parsed.next()?.is_some() {}
                Some(path.metadata().map_err(|error| Error::File(format!("{}: {error}", path.display())))?.len())
            }
        };
        let bytes = Arc::new(AtomicU64::new(0));
        let (sender, records) = mpsc::channel(WAITING);
        let (header_sender, header) = std::sync::mpsc::channel();
        let (source, counter) = (self.clone(), Arc::clone(&bytes));
        // Not one of tokio's threads: the command ends even while standard input is being waited for.
        std::thread::spawn(move || {
            let input: Result<Box<dyn Read>, Error> = match &source.path {
                None => Ok(Box::new(io::stdin().lock())),
                Some(path) => open(path).map(|file| Box::new(file) as Box<dyn Read>),
            };
            let mut parsed = match input.and_then(|input| Parsed::new(input, &source, counter)) {
                Ok(parsed) => parsed,
                Err(error) => return drop(header_sender.send(Err(error))),
            };
            if header_sender.send(Ok(std::mem::take(&mut parsed.header))).is_err() {
                return;
            }
            while let Some(record) = parsed.next().transpose() {
                let is_last = record.is_err();
                if sender.blocking_send(record).is_err() || is_last {
                    return;
                }
            }
        });
        let header = header.recv().map_err(|_| Error::File("the file could not be read".to_owned()))??;
        Ok(Rows { header, records, bytes, size })
    }
}

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|error| {
        let hint = if is_stream(path) { "; - stands for standard input" } else { "" };
        Error::File(format!("{}: {error}{hint}", path.display()))
    })
}

/// Whether a path can be read only once: a named pipe, a device, or a descriptor of this process, such as
/// `/dev/stdin` and what shells put in the place of `<(…)`.
pub(super) fn is_stream(path: &Path) -> bool {
    let is_descriptor = ["/dev/stdin", "/dev/fd", "/proc"].iter().any(|place| path.starts_with(place));
    is_descriptor || path.metadata().is_ok_and(|file| !file.is_file() && !file.is_dir())
}

type Text = io::Chain<Cursor<Vec<u8>>, Decoded<BufReader<Counted<Box<dyn Read>>>>>;

/// A file as rows.
struct Parsed {
    header: Vec<String>,
    rows: csv::Reader<Numbered<Text>>,
    lines: LineNumbers,
    /// How many lines precede the header.
    skipped: u64,
    /// The encoding was neither given nor marked in the file.
    is_guessed: bool,
}

impl Parsed {
    fn new(input: impl Read + 'static, source: &Source, bytes: Arc<AtomicU64>) -> Result<Self, Error> {
        let mut raw = BufReader::new(Counted { source: Box::new(input) as Box<dyn Read>, bytes });
        let beginning = raw.fill_buf().map_err(|error| Error::File(error.to_string()))?;
        let is_guessed = source.encoding.is_none() && detect(beginning) == UTF_8;
        let encoding = source.encoding.unwrap_or_else(|| detect(beginning));
        let mut text = Decoded::new(raw, encoding);
        let mut first = first_line(&mut text).map_err(|error| Error::File(unreadable(&error, 1, is_guessed)))?;
        let mut skipped = 0;
        let mut delimiter = source.delimiter;
        // Excel's own first line: `sep=;`.
        let line = first.strip_suffix(b"\n").unwrap_or(&first);
        if let [b's', b'e', b'p', b'=', separator] = *line.strip_suffix(b"\r").unwrap_or(line) {
            let is_split = first.ends_with(b"\r");
            delimiter = delimiter.or(Some(separator));
            first = first_line(&mut text).map_err(|error| Error::File(unreadable(&error, 2, is_guessed)))?;
            if is_split && first.starts_with(b"\n") {
                first.remove(0);
            }
            skipped = 1;
        }
        let delimiter = delimiter.unwrap_or_else(|| detect_delimiter(&first));
        let (text, lines) = Numbered::new(Cursor::new(first).chain(text));
        let mut rows = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text);
        let header = match rows.headers() {
            Ok(header) => header.iter().map(str::to_owned).collect::<Vec<String>>(),
            Err(error) => return Err(Error::File(unreadable(&error, lines.last(), is_guessed))),
        };
        if header.iter().all(|name| name.trim().is_empty()) {
            return Err(Error::File("the file has no header: its first line has to name the columns".to_owned()));
        }
        Ok(Parsed { header, rows, lines, skipped, is_guessed })
    }

    /// The next row that has a cell with text.
    fn next(&mut self) -> Result<Option<Record>, Error> {
        let mut record = StringRecord::new();
        loop {
            let found = self.rows.read_record(&mut record);
            let found = found
                .map_err(|error| Error::File(unreadable(&error, self.lines.last() + self.skipped, self.is_guessed)))?;
            if !found {
                return Ok(None);
            }
            let place = record.position().map_or(0, csv::Position::byte);
            let line = self.lines.of_row(place) + self.skipped;
            if record.iter().any(|cell| !cell.trim().is_empty()) {
                return Ok(Some(Record { line, cells: record.iter().map(str::to_owned).collect() }));
            }
        }
    }
}

/// The text up to the end of the first line that is not empty; a line break inside quotes does not end it.
fn first_line(text: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut is_quoted = false;
    let mut byte = [0];
    while (line.len() as u64) < MAX_ROW && text.read(&mut byte)? == 1 {
        line.push(byte[0]);
        is_quoted ^= byte[0] == b'"';
        if matches!(byte[0], b'\n' | b'\r') && !is_quoted && !line.trim_ascii().is_empty() {
            break;
        }
    }
    Ok(line)
}

/// What separates the names of the columns: of comma, semicolon, tab and vertical bar the most frequent one outside
/// quotes.
fn detect_delimiter(header: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    let mut is_quoted = false;
    for byte in header {
        is_quoted ^= *byte == b'"';
        if !is_quoted && let Some((_, count)) = counts.iter_mut().find(|(delimiter, _)| delimiter == byte) {
            *count += 1;
        }
    }
    // Of several equal ones the first.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| *delimiter)
}

/// Why a file cannot be read, and what to do.
fn unreadable(error: &impl std::fmt::Display, line: u64, is_guessed: bool) -> String {
    let reason = error.to_string();
    // The reader names its own kind of error first.
    let reason = reason.rsplit_once("CSV error: ").map_or(&*reason, |(_, reason)| reason);
    if reason.starts_with("the row after line") {
        return reason.to_owned();
    }
    let hint = if is_guessed && reason.contains("is not UTF-8") {
        "; if Excel on Windows wrote it, add --encoding windows-1252, and check a name with accents with --dry-run"
    } else {
        ""
    };
    format!("line {line} or soon after it cannot be read: {reason}{hint}")
}

impl Rows {
    /// The part of the file that has been read, from 0 to 1; `None` for a stream.
    pub(super) fn progress(&self) -> Option<f64> {
        let size = self.size.filter(|size| *size > 0)?;
        Some((self.bytes.load(Ordering::Relaxed) as f64 / size as f64).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header, and rows with their lines.
    type Table = (Vec<String>, Vec<(u64, String)>);

    fn read(text: &'static [u8]) -> Result<Table, Error> {
        let source = Source { path: None, encoding: None, delimiter: None };
        let mut parsed = Parsed::new(text, &source, Arc::default())?;
        let mut rows = Vec::new();
        while let Some(record) = parsed.next()? {
            rows.push((record.line, record.cells.join("|")));
        }
        Ok((parsed.header, rows))
    }

    #[test]
    fn delimiters_and_lines_are_recognised() {
        for text in [
            &b"name,phone\n\nAna,1\n,\n\"x,\ny\",2\n"[..],
            b"name;phone\r\n\r\nAna;1\r\n;\r\n\"x,\ny\";2\r\n",
            b"name\tphone\n\nAna\t1\n\t\n\"x,\ny\"\t2",
        ] {
            let (header, rows) = read(text).unwrap();
            assert_eq!(header, ["name", "phone"]);
            assert_eq!(rows, [(3, "Ana|1".to_owned()), (5, "x,\ny|2".to_owned())]);
        }
        for text in [&b"sep=;\r\nname,x;phone\r\nAna;1\r\n"[..], b"\n\"name,x\";phone\nAna;1\n"] {
            let (header, rows) = read(text).unwrap();
            assert_eq!((header, rows), (vec!["name,x".to_owned(), "phone".to_owned()], vec![(3, "Ana|1".to_owned())]));
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error_with_its_line() {
        for (text, expected) in [
            (&b""[..], "the file has no header"),
            (b",\n1,2\n", "the file has no header"),
            (b"phone\nJos\xe9\n", "line 2 or soon after it cannot be read: the text is not UTF-8; if Excel"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
