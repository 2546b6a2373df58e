//! The answer to an `XREAD` of one stream, read record by record out of a growing buffer.
//!
//! Redis speaks RESP2: a line `*3` opens an array of three, `$5` a string of five bytes, `-` an error. The
//! whole grammar of this one answer:
//!
//! ```text
//! answer = "*-1" | "-" error | "*1" "*2" string(key) "*" n  n * record
//! record = "*2" string(revision) ("*" 2k  k * (string(name) string(value)) | "*-1")
//! ```
//!
//! A general client builds a tree of values for it first, which costs more than all else that happens to
//! an entry on its way here; this one goes from the socket's bytes to the fields in one step. Fields are
//! copied out, on purpose: a slice would keep the whole buffer alive for one small value.

use bytes::Bytes;
use sluice_core::Revision;

/// Longest line that is no error, in bytes: a type, a number and the line's end.
const HEAD_BYTES_MAX: usize = 32;
/// Longest error kept, in bytes.
pub(crate) const ERROR_BYTES_MAX: usize = 4096;
/// Largest string there can be: what Redis itself allows.
const STRING_BYTES_MAX: usize = 512 << 20;
/// Most items of an array there can be; no memory is set aside on the strength of it.
const ITEMS_MAX: usize = 1 << 24;

/// What an answer begins with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// No news.
    Nothing,
    /// So many records follow.
    Records(usize),
    /// An error, as the server wrote it.
    Error(String),
}

/// One record of the stream, not yet understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub revision: Revision,
    pub fields: Vec<(Bytes, Bytes)>,
}

/// Why there is nothing yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The buffer must hold at least so many bytes before it is worth trying again.
    Needs(usize),
    /// This is no such answer.
    Odd(String),
}

/// What was read, and how many bytes that took.
pub(crate) type Parsed<T> = Result<(T, usize), Stop>;

/// Reads the beginning of an answer.
pub(crate) fn head(bytes: &[u8]) -> Parsed<Head> {
    let mut cursor = Cursor { bytes, at: 0 };
    if bytes.first() == Some(&b'-') {
        let line = cursor.line(ERROR_BYTES_MAX)?;
        return Ok((Head::Error(String::from_utf8_lossy(&line[1..]).into_owned()), cursor.at));
    }
    if cursor.array()?.is_none() {
        return Ok((Head::Nothing, cursor.at));
    }
    cursor.array()?;
    cursor.string()?;
    let records = cursor.array()?.unwrap_or(0);
    Ok((Head::Records(records), cursor.at))
}

/// Reads one record.
pub(crate) fn record(bytes: &[u8]) -> Parsed<Record> {
    // Twice over the same few headers: nothing is copied before all of it is there.
    let mut cursor = Cursor { bytes, at: 0 };
    let strings = cursor.open_record()?.1;
    (0..strings).try_for_each(|_| cursor.string().map(drop))?;
    let end = cursor.at;

    let mut cursor = Cursor { bytes, at: 0 };
    let (revision, strings) = cursor.open_record()?;
    let mut fields = Vec::with_capacity(strings / 2);
    for _ in 0..strings / 2 {
        let name = field_name(cursor.string()?);
        fields.push((name, Bytes::copy_from_slice(cursor.string()?)));
    }
    Ok((Record { revision, fields }, end))
}

/// The names that nearly every entry has cost no memory.
fn field_name(name: &[u8]) -> Bytes {
    match name {
        b"author" => Bytes::from_static(b"author"),
        b"reason" => Bytes::from_static(b"reason"),
        b"token" => Bytes::from_static(b"token"),
        other => Bytes::copy_from_slice(other),
    }
}

/// How far the bytes have been read.
pub(crate) struct Cursor<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Cursor<'a> {
    /// The revision, and how many strings the fields are.
    fn open_record(&mut self) -> Result<(Revision, usize), Stop> {
        if self.array()? != Some(2) {
            return Err(self.odd("a record"));
        }
        let id = self.string()?;
        let revision = std::str::from_utf8(id).ok().and_then(|id| id.parse().ok());
        let revision = revision.ok_or_else(|| self.odd("a revision"))?;
        let strings = self.array()?.unwrap_or(0);
        if strings % 2 != 0 {
            return Err(self.odd("pairs of name and value"));
        }
        Ok((revision, strings))
    }

    pub fn array(&mut self) -> Result<Option<usize>, Stop> {
        match self.number(b'*')? {
            -1 => Ok(None),
            items => match usize::try_from(items) {
                Ok(items) if items <= ITEMS_MAX => Ok(Some(items)),
                Ok(_) | Err(_) => Err(self.odd("an array of a sane length")),
            },
        }
    }

    pub fn string(&mut self) -> Result<&'a [u8], Stop> {
        let length = match usize::try_from(self.number(b'$')?) {
            Ok(length) if length <= STRING_BYTES_MAX => length,
            Ok(_) | Err(_) => return Err(self.odd("a string of a sane length")),
        };
        let end = self.at + length + 2;
        let with_end = self.bytes.get(self.at..end).ok_or(Stop::Needs(end))?;
        self.at = end;
        match with_end.strip_suffix(b"\r\n") {
            Some(string) => Ok(string),
            None => Err(self.odd("the end of a string")),
        }
    }

    pub fn number(&mut self, tag: u8) -> Result<i64, Stop> {
        let line = self.line(HEAD_BYTES_MAX)?;
        let digits = line.strip_prefix(&[tag]).and_then(|digits| std::str::from_utf8(digits).ok());
        digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| self.odd("a length"))
    }

    pub fn line(&mut self, bytes_max: usize) -> Result<&'a [u8], Stop> {
        let rest = &self.bytes[self.at..];
        let window = &rest[..rest.len().min(bytes_max)];
        match window.iter().position(|&b| b == b'\n') {
            Some(end) if end > 0 && window[end - 1] == b'\r' => {
                self.at += end + 1;
                Ok(&window[..end - 1])
            }
            None if rest.len() < bytes_max => Err(Stop::Needs(self.bytes.len() + 1)),
            Some(_) | None => Err(self.odd("the end of a line")),
        }
    }

    pub fn odd(&self, wanted: &str) -> Stop {
        let rest = &self.bytes[self.at.min(self.bytes.len())..];
        let shown = rest[..rest.len().min(24)].escape_ascii();
        Stop::Odd(format!("its answer makes no sense: {wanted} was due before \"{shown}\": is this a Redis?"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"*1\r\n*2\r\n$3\r\nlog\r\n*2\r\n*2\r\n$3\r\n7-0\r\n*4\r\n$5\r\nput:a\r\n$4\r\n1\r\n2\r\n\
        $5\r\nput:a\r\n$0\r\n\r\n*2\r\n$3\r\n8-1\r\n*0\r\n";

    fn read(mut bytes: &[u8]) -> Result<(Head, Vec<Record>), Stop> {
        let (head, used) = head(bytes)?;
        bytes = &bytes[used..];
        let count = if let Head::Records(count) = &head { *count } else { 0 };
        let mut records = Vec::new();
        for _ in 0..count {
            let (next, used) = record(bytes)?;
            bytes = &bytes[used..];
            records.push(next);
        }
        assert!(bytes.is_empty());
        Ok((head, records))
    }

    #[test]
    fn fields_keep_their_order_their_repeats_and_their_bytes() {
        let (_, records) = read(ANSWER).unwrap();
        assert_eq!(records[0].revision, Revision { ms: 7, seq: 0 });
        let put = Bytes::from_static(b"put:a");
        assert_eq!(records[0].fields, [(put.clone(), Bytes::from_static(b"1\r\n2")), (put, Bytes::new())]);
        assert!(records[1].fields.is_empty());
    }

    #[test]
    fn an_answer_cut_anywhere_asks_for_more_and_never_for_too_much() {
        for end in 0..ANSWER.len() {
            match read(&ANSWER[..end]) {
                Err(Stop::Needs(needed)) => assert!(needed <= ANSWER.len(), "at {end}: {needed}"),
                other => panic!("at {end}: {other:?}"),
            }
        }
    }

    #[test]
    fn no_news_and_errors_are_told_apart_from_records() {
        assert_eq!(read(b"*-1\r\n").unwrap().0, Head::Nothing);
        assert_eq!(read(b"-NOPERM no\r\n").unwrap().0, Head::Error("NOPERM no".to_owned()));
    }

    #[test]
    fn what_is_no_answer_is_odd_at_once() {
        for bytes in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"+OK\r\n",
            b"*1\n",
            b"*99999999999999999999\r\n",
            b"*2147483648\r\n",
            b"*1\r\n*2\r\n$-1\r\n",
            b"*1\r\n*2\r\n$4611686018427387904\r\n",
            b"*1\r\n*2\r\n$3\r\nlogXX",
            &[b'1'; 40],
        ] {
            assert!(matches!(head(bytes), Err(Stop::Odd(_))), "{:?}", bytes.escape_ascii().to_string());
        }
        assert!(matches!(record(b"*2\r\n$1\r\nx\r\n*0\r\n"), Err(Stop::Odd(_))));
        assert!(matches!(record(b"*2\r\n$3\r\n1-1\r\n*1\r\n"), Err(Stop::Odd(_))));
    }
}
