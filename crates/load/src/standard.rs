//! What a population's answers are measured by: its first good answer. Every later one must say the same, from the
//! same back end; who was wrong when they differ is not known here, only that one of them was.

use facts::{
    Content, Outcome,
    plan::{Behaviour, Population},
};

use crate::{
    answer::{Answer, Framing},
    request::body_byte,
    setup::Bodies,
};

/// Status and body of a good answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Good {
    status: u16,
    content: Content,
}

/// The standard of one population.
#[derive(Clone, Debug)]
pub(crate) struct Standard {
    /// The first good answer of each origin, by `Head::origin`; 0 is "named none".
    first: Box<[Option<Good>]>,
    /// An answer carried an id: from then on all must.
    echoes: bool,
    bodies: Bodies,
}

impl Standard {
    /// For answers to a population that may name one of this many origins. Where the harness's own back end is asked
    /// for something, the answer is known beforehand.
    pub(crate) fn new(population: &Population, origins: usize, bodies: Bodies) -> Standard {
        let known = known(population).map(|content| Good { status: 200, content });
        Standard { first: vec![known; origins + 1].into(), echoes: false, bodies }
    }

    /// Some answer carried the id of its request.
    pub(crate) fn echoes(&self) -> bool {
        self.echoes
    }

    /// What a complete answer to request `id` is worth.
    pub(crate) fn judge(&mut self, answer: &Answer, id: u64) -> Outcome {
        match answer.outcome(id) {
            Outcome::Ok => self.compare(answer),
            worse => worse,
        }
    }

    fn compare(&mut self, answer: &Answer) -> Outcome {
        let head = answer.head();
        if self.echoes && head.echo.is_none() {
            return Outcome::WrongId;
        }
        self.echoes |= head.echo.is_some();
        let (this, origin) = (Good { status: head.status, content: answer.content() }, head.origin as usize);
        let Some(first) = self.of(origin) else {
            self.first[origin] = Some(this);
            return Outcome::Ok;
        };
        let is_short = this.content.bytes < first.content.bytes;
        match answer.framing() {
            _ if this == first || self.bodies == Bodies::Varying => Outcome::Ok,
            _ if this.status != first.status => Outcome::StatusOther,
            // Only the length tells a cut from an end.
            Framing::UntilClose if is_short => Outcome::CutInBody,
            _ => Outcome::WrongBody,
        }
    }

    /// Who names no origin must say what any of them says.
    fn of(&self, origin: usize) -> Option<Good> {
        self.first[origin].or_else(|| self.first.iter().flatten().next().copied().filter(|_| origin == 0))
    }
}

/// What the harness's own back end answers to an upload, and to a request for so many bytes.
fn known(population: &Population) -> Option<Content> {
    match population.behaviour {
        Behaviour::Download { bytes, .. } if asks_for(&population.path, bytes) => {
            Some(Content::foretold(bytes.into()))
        }
        Behaviour::Upload { .. } if population.path == "/sink" => Some(receipt(population.body_bytes)),
        _ => None,
    }
}

fn asks_for(path: &str, bytes: u32) -> bool {
    let said = path.strip_prefix("/stream?bytes=").and_then(|rest| rest.split('&').next());
    said.is_some_and(|said| said == bytes.to_string())
}

fn receipt(bytes: u32) -> Content {
    let mut sent = Content::EMPTY;
    (0..bytes).for_each(|n| sent.take(&[body_byte(n)]));
    let mut said = Content::EMPTY;
    said.take(format!("{bytes} {:016x}\n", sent.checksum()).as_bytes());
    said
}
