//! What a population's answers are measured by: its first good answer. Every later one must say the same, from the
//! same back end; who was wrong when they differ is not known here, only that one of them was.

use facts::{Content, Outcome};

use crate::{
    answer::{Answer, Framing},
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
    /// For answers that may name one of this many origins.
    pub(crate) fn new(origins: usize, bodies: Bodies) -> Standard {
        Standard { first: vec![None; origins + 1].into(), echoes: false, bodies }
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
