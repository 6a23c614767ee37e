//! A stream of server-sent events (the WHATWG HTML standard, "Server-sent events"), as far as its numbers go.

/// One event: what its `id` and its `data` say, if they are numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: Option<u64>,
    pub(crate) data: Option<u64>,
}

/// Reads lines, however they are cut into pieces.
#[derive(Default)]
pub(crate) struct Decoder {
    line: Vec<u8>,
    event: Event,
    /// Fields of an event came, and not its end.
    is_inside: bool,
}

impl Decoder {
    /// Takes the next bytes, and gives every event that they complete to `each`.
    pub(crate) fn take(&mut self, bytes: &[u8], each: &mut impl FnMut(Event)) {
        for byte in bytes {
            match byte {
                b'\n' => self.end_line(each),
                b'\r' => {}
                byte => self.line.push(*byte),
            }
        }
    }

    /// True in the middle of an event.
    pub(crate) fn is_inside(&self) -> bool {
        self.is_inside || !self.line.is_empty()
    }

    fn end_line(&mut self, each: &mut impl FnMut(Event)) {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        match line.split_once(':') {
            None if line.is_empty() => {
                if std::mem::take(&mut self.is_inside) {
                    each(std::mem::take(&mut self.event));
                }
            }
            // A comment.
            Some(("", _)) => {}
            Some(("id", value)) => self.field(|event| event.id = value.trim().parse().ok()),
            Some(("data", value)) => self.field(|event| event.data = value.trim().parse().ok()),
            _ => self.field(|_| {}),
        }
    }

    fn field(&mut self, set: impl FnOnce(&mut Event)) {
        set(&mut self.event);
        self.is_inside = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Event>, bool) {
        let in_pieces = |size| {
            let (mut decoder, mut events) = (Decoder::default(), Vec::new());
            for piece in text.as_bytes().chunks(size) {
                decoder.take(piece, &mut |event| events.push(event));
            }
            (events, decoder.is_inside())
        };
        let whole = in_pieces(text.len());
        assert!((1..text.len()).all(|size| in_pieces(size) == whole), "pieces matter");
        whole
    }

    fn event(number: u64) -> Event {
        Event { id: Some(number), data: Some(number) }
    }

    #[test]
    fn events_end_with_an_empty_line() {
        assert_eq!(read("id: 1\ndata: 1\n\nid: 2\r\ndata: 2\r\n\r\n"), (vec![event(1), event(2)], false));
        assert_eq!(read(": still here\n\nretry: 10\nid:3\ndata:3\n\n"), (vec![event(3)], false));
        assert_eq!(read("data: x\n\n"), (vec![Event::default()], false));
    }

    #[test]
    fn the_middle_of_an_event_is_told_from_its_end() {
        for inside in ["id: 1\ndata: 1\n", "id: 1", "id: 1\ndata: 1\n\ni"] {
            assert!(read(inside).1, "{inside}");
        }
    }
}
