//! The text of a file: its encoding, and the numbers of its lines.

use std::collections::VecDeque;
use std::io::{self, Error, ErrorKind, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// How much is decoded at once, in bytes.
const CHUNK: usize = 64 * 1024;
/// The greatest size of a row, in bytes of UTF-8. A contact is smaller; what is larger has a quotation mark without an end.
pub(super) const MAX_ROW: u64 = 1024 * 1024;

/// The encoding of a text that begins with these bytes: that of its byte order mark; UTF-16 if every other byte of
/// the beginning is zero; otherwise UTF-8.
pub(super) fn detect(beginning: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(beginning) {
        return encoding;
    }
    match beginning {
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => UTF_16LE,
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => UTF_16BE,
        _ => UTF_8,
    }
}

/// Counts the bytes that are read, for the progress bar.
pub(super) struct Counted<R> {
    pub(super) source: R,
    pub(super) bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The text of a source as UTF-8, without its byte order mark. A byte that is none in the encoding is an error.
pub(super) struct Decoded<R> {
    source: R,
    encoding: &'static Encoding,
    decoder: Decoder,
    /// Bytes that have not been decoded yet.
    raw: Vec<u8>,
    /// Text that has not been read yet, from `taken` on.
    text: Vec<u8>,
    taken: usize,
    is_ended: bool,
    /// The text ends before bytes that are none in the encoding.
    is_malformed: bool,
}

impl<R: Read> Decoded<R> {
    pub(super) fn new(source: R, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder_with_bom_removal();
        Decoded {
            source,
            encoding,
            decoder,
            raw: Vec::new(),
            text: Vec::new(),
            taken: 0,
            is_ended: false,
            is_malformed: false,
        }
    }

    /// Decodes the next chunk.
    fn fill(&mut self) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        let read = self.source.read(&mut chunk)?;
        self.is_ended = read == 0;
        self.raw.extend_from_slice(&chunk[..read]);
        self.taken = 0;
        self.text.resize(self.decoder.max_utf8_buffer_length_without_replacement(self.raw.len()).unwrap_or(CHUNK), 0);
        let (result, used, written) =
            self.decoder.decode_to_utf8_without_replacement(&self.raw, &mut self.text, self.is_ended);
        self.text.truncate(written);
        self.raw.drain(..used);
        self.is_malformed = matches!(result, DecoderResult::Malformed(..));
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.text.len() {
            if self.is_malformed {
                return Err(Error::new(ErrorKind::InvalidData, format!("the text is not {}", self.encoding.name())));
            }
            if self.is_ended {
                return Ok(0);
            }
            self.fill()?;
        }
        let read = (self.text.len() - self.taken).min(buffer.len());
        buffer[..read].copy_from_slice(&self.text[self.taken..self.taken + read]);
        self.taken += read;
        Ok(read)
    }
}

/// Where the lines of a text begin. CSV readers lose count at CRLF, empty lines and lines inside quotes.
#[derive(Default)]
struct LineStarts {
    /// The places of the lines that have been read and are not empty, with their numbers.
    starts: VecDeque<(u64, u64)>,
    /// How many bytes have been read.
    read: u64,
    /// The number of the line that is being read, beginning with 0.
    line: u64,
    is_at_start: bool,
    was_return: bool,
    /// Where the last row began.
    row: u64,
}

impl LineStarts {
    fn pass(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' if self.was_return => {}
                b'\n' | b'\r' => (self.line, self.is_at_start) = (self.line + 1, true),
                _ if self.is_at_start => {
                    self.starts.push_back((self.read, self.line + 1));
                    self.is_at_start = false;
                }
                _ => {}
            }
            self.was_return = *byte == b'\r';
            self.read += 1;
        }
    }
}

/// Tells the numbers of lines, of a text that passes through [`Numbered`].
#[derive(Clone)]
pub(super) struct LineNumbers(Arc<Mutex<LineStarts>>);

impl LineNumbers {
    fn lock(&self) -> MutexGuard<'_, LineStarts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The line of the row that begins at this place, or after the empty lines there. Rows are asked for in order.
    pub(super) fn of_row(&self, place: u64) -> u64 {
        let mut lines = self.lock();
        lines.row = place;
        while lines.starts.front().is_some_and(|(start, _)| *start < place) {
            lines.starts.pop_front();
        }
        lines.starts.front().map_or(lines.line + 1, |(_, line)| *line)
    }

    /// The line that has been read last.
    pub(super) fn last(&self) -> u64 {
        self.lock().line + 1
    }
}

/// A text whose lines are counted while it is read.
pub(super) struct Numbered<R> {
    text: R,
    lines: LineNumbers,
}

impl<R: Read> Numbered<R> {
    pub(super) fn new(text: R) -> (Self, LineNumbers) {
        let starts = LineStarts { is_at_start: true, ..LineStarts::default() };
        let lines = LineNumbers(Arc::new(Mutex::new(starts)));
        (Numbered { text, lines: lines.clone() }, lines)
    }
}

impl<R: Read> Read for Numbered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.text.read(buffer)?;
        let mut lines = self.lines.lock();
        lines.pass(&buffer[..read]);
        if read > 0 && lines.read - lines.row > MAX_ROW {
            let row = lines.row;
            let start = lines.starts.iter().find(|(start, _)| *start >= row).map_or(lines.line + 1, |(_, line)| *line);
            let reason = format!("the row after line {start} is larger than 1 MB; a quotation mark there has no end");
            return Err(Error::new(ErrorKind::InvalidData, reason));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        // One byte at a time, so that characters are split.
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(&mut buffer[..1])
            }
        }
        Decoded::new(Slow(bytes), detect(bytes)).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn encodings_are_recognised() {
        let utf16 = |text: &str| text.encode_utf16().collect::<Vec<u16>>();
        let text = "nome,é😀\r\n";
        let le: Vec<u8> = utf16(text).iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let be: Vec<u8> = utf16(text).iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [
            text.as_bytes(),
            &[b"\xef\xbb\xbf", text.as_bytes()].concat(),
            &le,
            &[b"\xff\xfe", &le[..]].concat(),
            &be,
            &[b"\xfe\xff", &be[..]].concat(),
        ] {
            assert_eq!(decoded(bytes).unwrap(), text, "{bytes:?}");
        }
        assert_eq!(decoded(b"").unwrap(), "");
        assert_eq!(decoded(b"nome\nJos\xe9\n").unwrap_err().to_string(), "the text is not UTF-8");
    }

    #[test]
    fn rows_have_the_number_of_their_first_line() {
        for text in
            ["a,b\r\n1,2\r\n\r\n3,\"x\r\ny\"\r\n5,6\r\n", "a,b\n1,2\n\n3,\"x\ny\"\n5,6", "a,b\r1,2\r\r3,\"x\ry\"\r5,6"]
        {
            let (text, lines) = Numbered::new(text.as_bytes());
            let mut rows = csv::ReaderBuilder::new().buffer_capacity(1).from_reader(text);
            let numbers = rows.records().map(|row| lines.of_row(row.unwrap().position().unwrap().byte()));
            assert_eq!(numbers.collect::<Vec<_>>(), [2, 4, 6]);
        }
    }

    #[test]
    fn a_quotation_mark_without_an_end_is_an_error() {
        let text = format!("a\n1\n\"2\n{}", "x\n".repeat(1024 * 1024));
        let (text, lines) = Numbered::new(text.as_bytes());
        let mut rows = csv::Reader::from_reader(text);
        let mut records = rows.records();
        let first = records.next().unwrap().unwrap();
        assert_eq!(lines.of_row(first.position().unwrap().byte()), 2);
        let error = records.next().unwrap().unwrap_err().to_string();
        assert!(error.contains("the row after line 2 is larger than 1 MB"), "{error}");
    }
}
