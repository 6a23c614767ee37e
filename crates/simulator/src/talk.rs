//! What a master said to other masters and heard of them: nobody hears what nobody said.

use std::collections::BTreeMap;

use protocol::{
    Generation,
    master::{Effect, PeerMessage, State, Wakeup},
};

/// How often which message was said and heard by one master.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Talk {
    /// Which generation it leads.
    pub generation: Generation,
    /// What it set out to say, to whomever.
    pub said: BTreeMap<PeerMessage, usize>,
    /// What it heard, and the generation that it heard it of.
    pub heard: BTreeMap<(Generation, PeerMessage), usize>,
}

impl Talk {
    pub(crate) fn of(generation: Generation) -> Talk {
        Talk { generation, ..Talk::default() }
    }

    /// One turn, from the state before it.
    pub(crate) fn take(&mut self, before: &State, woke: &Wakeup, effects: &[Effect]) {
        let predecessor = before.predecessor.map(|old| old.generation);
        let elder = before.elder.map(|elder| elder.generation);
        let successor = before.successor.map(|new| new.generation);
        let heir = woke.heir_came.or(before.heir.map(|heir| heir.generation));
        self.hear(predecessor, &woke.from_predecessor);
        self.hear(elder, &woke.from_elder);
        self.hear(successor, &woke.from_successor);
        self.hear(heir, &woke.from_heir);
        for message in effects.iter().filter_map(message) {
            *self.said.entry(message).or_default() += 1;
        }
    }

    fn hear(&mut self, of: Option<Generation>, messages: &[PeerMessage]) {
        // Of one that the protocol does not know any more nothing is believed either.
        let Some(of) = of else { return };
        for message in messages {
            *self.heard.entry((of, *message)).or_default() += 1;
        }
    }
}

/// What these masters heard more often than it was said, as sentences. Of a generation that left no log nothing is known.
pub fn unsaid(talks: &[Talk]) -> Vec<String> {
    let mut heard: BTreeMap<(Generation, PeerMessage), usize> = BTreeMap::new();
    for (key, times) in talks.iter().flat_map(|talk| &talk.heard) {
        *heard.entry(*key).or_default() += times;
    }
    let told = heard.into_iter().filter_map(|((of, message), heard)| {
        let mut theirs = talks.iter().filter(|talk| talk.generation == of).peekable();
        theirs.peek()?;
        let said: usize = theirs.filter_map(|talk| talk.said.get(&message)).sum();
        (heard > said)
            .then(|| format!("{message:?} of generation {of} was heard {heard} times and said {said} times"))
    });
    told.collect()
}

fn message(effect: &Effect) -> Option<PeerMessage> {
    match *effect {
        Effect::TellPredecessor(message)
        | Effect::TellSuccessor(message)
        | Effect::TellElder(message)
        | Effect::TellHeir(message) => Some(message),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(generation: Generation, said: &[PeerMessage], heard: &[(Generation, PeerMessage)]) -> Talk {
        Talk {
            generation,
            said: said.iter().map(|message| (*message, 1)).collect(),
            heard: heard.iter().map(|heard| (*heard, 1)).collect(),
        }
    }

    #[test]
    fn what_was_heard_was_said_by_that_generation() {
        let old = |heard| talk(1, &[PeerMessage::Leaving], heard);
        let new = talk(2, &[PeerMessage::Ready], &[(1, PeerMessage::Leaving)]);
        assert!(unsaid(&[old(&[(2, PeerMessage::Ready)]), new.clone()]).is_empty());
        assert_eq!(
            unsaid(&[old(&[(2, PeerMessage::TakeOver)]), new.clone()]),
            ["TakeOver of generation 2 was heard 1 times and said 0 times"]
        );
        let twice = [old(&[(2, PeerMessage::Ready)]), old(&[(2, PeerMessage::Ready)]), new];
        assert_eq!(unsaid(&twice), ["Ready of generation 2 was heard 2 times and said 1 times"]);
        assert!(unsaid(&[old(&[(3, PeerMessage::Ready)])]).is_empty(), "nobody knows what it said");
    }
}
