//! Server-sent events, read line by line (WHATWG HTML §9.2.6, what of it hosts send).

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its kind; empty when it has none.
    pub name: String,
    /// Where to go on from after it.
    pub id: Option<String>,
    /// Its text.
    pub data: String,
}

/// Bytes that have come and are no whole event yet.
#[derive(Default)]
pub struct Parser {
    bytes: Vec<u8>,
    event: Event,
}

impl Parser {
    /// Takes what came and gives the events that are whole now. An event without data moves only the place
    /// to go on from, and is given too.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.bytes.extend_from_slice(bytes);
        let mut events = Vec::new();
        let mut begin = 0;
        while let Some(length) = self.bytes[begin..].iter().position(|&b| b == b'\n') {
            let line = String::from_utf8_lossy(&self.bytes[begin..begin + length]).into_owned();
            begin += length + 1;
            match line.trim_end_matches('\r') {
                "" => events.push(std::mem::take(&mut self.event)),
                line => self.line(line),
            }
        }
        self.bytes.drain(..begin);
        events.retain(|event| *event != Event::default());
        events
    }

    /// Bytes held back.
    pub fn waiting(&self) -> usize {
        self.bytes.len() + self.event.data.len()
    }

    fn line(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => self.event.name = value.to_owned(),
            "id" => self.event.id = Some(value.to_owned()),
            "data" if self.event.data.is_empty() => self.event.data = value.to_owned(),
            "data" => self.event.data = format!("{}\n{value}", self.event.data),
            // Comments have no name; `retry` is for browsers.
            _ => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_whole_however_they_are_cut() {
        let text = b"retry: 1000\n\nevent: put\nid: 5-0\ndata: {\"key\":\"\xc3\xa4\"}\n\n: beat\nid: 6-0\n\ndata: a\r\ndata: b\r\n\r\n";
        let whole = Parser::default().take(text);
        let event = |name: &str, id: Option<&str>, data: &str| Event {
            name: name.to_owned(),
            id: id.map(str::to_owned),
            data: data.to_owned(),
        };
        let expected =
            [event("put", Some("5-0"), "{\"key\":\"ä\"}"), event("", Some("6-0"), ""), event("", None, "a\nb")];
        assert_eq!(whole, expected);
        let mut parser = Parser::default();
        let bit_by_bit: Vec<Event> = text.chunks(1).flat_map(|byte| parser.take(byte)).collect();
        assert_eq!(bit_by_bit, expected);
        assert_eq!(parser.waiting(), 0);
    }
}
