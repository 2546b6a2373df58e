//! A reply of whatever shape, for the few questions that go over a connection of our own.

use redis::Value;

use crate::resp::{Cursor, ERROR_BYTES_MAX, Parsed, Stop};

/// How deep arrays may lie in one another; `ROLE` needs two.
const DEPTH_MAX: usize = 4;

/// Reads one reply: a value, or the line of an error.
pub(crate) fn read(bytes: &[u8]) -> Parsed<Result<Value, String>> {
    let mut cursor = Cursor { bytes, at: 0 };
    if bytes.first() == Some(&b'-') {
        let line = cursor.line(ERROR_BYTES_MAX)?;
        return Ok((Err(String::from_utf8_lossy(&line[1..]).into_owned()), cursor.at));
    }
    let value = value(&mut cursor, DEPTH_MAX)?;
    Ok((Ok(value), cursor.at))
}

fn value(cursor: &mut Cursor<'_>, depth: usize) -> Result<Value, Stop> {
    match cursor.bytes.get(cursor.at) {
        None => Err(Stop::Needs(cursor.at + 1)),
        Some(b'+') => match &cursor.line(ERROR_BYTES_MAX)?[1..] {
            b"OK" => Ok(Value::Okay),
            text => Ok(Value::SimpleString(String::from_utf8_lossy(text).into_owned())),
        },
        Some(b':') => cursor.number(b':').map(Value::Int),
        Some(b'$') if cursor.bytes[cursor.at..].starts_with(b"$-1\r\n") => {
            cursor.at += 5;
            Ok(Value::Nil)
        }
        Some(b'$') => cursor.string().map(|bytes| Value::BulkString(bytes.to_vec())),
        Some(b'*') if depth > 0 => match cursor.array()? {
            None => Ok(Value::Nil),
            Some(items) => (0..items).map(|_| value(cursor, depth - 1)).collect::<Result<_, _>>().map(Value::Array),
        },
        Some(_) => Err(cursor.odd("a reply")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_a_reply_is_read_once_all_of_it_is_there() {
        let bytes = b"*6\r\n$6\r\nmaster\r\n:-7\r\n*1\r\n*-1\r\n+OK\r\n+PONG\r\n$-1\r\n+next";
        let end = bytes.len() - 5;
        let text = Value::BulkString(b"master".to_vec());
        let pong = Value::SimpleString("PONG".to_owned());
        let whole = vec![text, Value::Int(-7), Value::Array(vec![Value::Nil]), Value::Okay, pong, Value::Nil];
        assert_eq!(read(bytes), Ok((Ok(Value::Array(whole)), end)));
        for end in 0..end {
            assert!(matches!(read(&bytes[..end]), Err(Stop::Needs(needed)) if needed <= bytes.len()), "at {end}");
        }
    }

    #[test]
    fn errors_are_told_apart_and_what_is_no_reply_is_odd() {
        assert_eq!(read(b"-NOAUTH no\r\n"), Ok((Err("NOAUTH no".to_owned()), 12)));
        for bytes in [&b"HTTP/1.1 400\r\n"[..], b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", b":x\r\n", b"$-2\r\n"] {
            assert!(matches!(read(bytes), Err(Stop::Odd(_))), "{:?}", bytes.escape_ascii().to_string());
        }
    }
}
