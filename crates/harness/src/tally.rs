//! What the ledger says of the attempts that ended in a stretch of time, while the run goes on. The journals are not
//! known yet, so an outcome is what the client saw.

use facts::{
    Blame, Nanos, Outcome, Record,
    expression::{Argument, Function, Source, Value},
};

use crate::site::Sight;

/// The attempts that ended in a stretch of time.
#[derive(Debug)]
pub(crate) struct Tally {
    records: Vec<Record>,
    minimum_samples: u64,
}

/// The answers of a site, and those of a tally to what a site does not know.
pub(crate) struct Told<'a> {
    pub(crate) sight: Sight<'a>,
    pub(crate) tally: &'a Tally,
}

impl Source for Told<'_> {
    fn call(&self, function: Function, arguments: &[Argument]) -> Result<Value, String> {
        match self.tally.answer(function, arguments) {
            Some(answer) => answer,
            None => self.sight.call(function, arguments),
        }
    }
}

impl Tally {
    /// Of these records, those over after `from` and not after `until`.
    pub(crate) fn new(mut records: Vec<Record>, from: Nanos, until: Nanos, minimum_samples: u64) -> Tally {
        let ended = |record: &Record| record.done_at().is_some_and(|at| from < at && at <= until);
        records.retain(|record| record.outcome().blame() != Blame::Generator && ended(record));
        Tally { records, minimum_samples }
    }

    /// `None` when that is no question about attempts.
    fn answer(&self, function: Function, arguments: &[Argument]) -> Option<Result<Value, String>> {
        let attempts = || self.records.iter().filter(|record| is_asked_for(record, arguments));
        let count = |wanted: &dyn Fn(Outcome) -> bool| {
            Some(Ok(Value::Number(attempts().filter(|record| wanted(record.outcome())).count() as f64)))
        };
        let blamed = |blame: Blame| count(&|outcome| outcome.blame() == blame);
        match function {
            Function::Count => count(&|_| true),
            Function::Ok => blamed(Blame::Nobody),
            Function::Lost => blamed(Blame::Lost),
            Function::Retriable => blamed(Blame::Retriable),
            Function::Corrupt => blamed(Blame::Corrupt),
            Function::Class(class) => count(&|outcome| outcome == class),
            Function::Share => Some(self.share(arguments)),
            Function::Percentile(per_mille) => {
                Some(self.percentile(attempts().map(Record::latency).collect(), per_mille))
            }
            Function::Max => {
                let longest = attempts().map(Record::latency).max();
                Some(longest.map(|ns| Value::Duration(ns as f64)).ok_or_else(|| "no attempt ended".into()))
            }
            _ => None,
        }
    }

    fn percentile(&self, mut latencies: Vec<Nanos>, per_mille: u16) -> Result<Value, String> {
        if (latencies.len() as u64) < self.minimum_samples.max(1) {
            return Err(format!("{} attempts ended, {} are needed", latencies.len(), self.minimum_samples));
        }
        latencies.sort_unstable();
        let rank = (latencies.len() * usize::from(per_mille)).div_ceil(1000).max(1);
        Ok(Value::Duration(latencies[rank - 1] as f64))
    }

    /// Of the complete answers of these clients, whoever gave them.
    fn share(&self, arguments: &[Argument]) -> Result<Value, String> {
        let clients: Vec<Argument> =
            arguments.iter().filter(|a| !matches!(a, Argument::Origin(_))).cloned().collect();
        let answered = |record: &&Record| record.outcome().blame() == Blame::Nobody;
        let all = self.records.iter().filter(answered).filter(|r| is_asked_for(r, &clients)).count();
        let own = self.records.iter().filter(answered).filter(|r| is_asked_for(r, arguments)).count();
        match all {
            0 => Err("nobody was answered".into()),
            _ => Ok(Value::Number(own as f64 / all as f64)),
        }
    }
}

fn is_asked_for(record: &Record, arguments: &[Argument]) -> bool {
    arguments.iter().all(|argument| match argument {
        Argument::Population(population) => usize::from(record.population) == *population,
        Argument::Origin(origin) => usize::from(record.origin) == origin + 1,
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;
    use facts::record::ticks;

    use super::*;

    const MS: Nanos = 1_000_000;

    /// Attempts of origin 1 that began at 0 and ended so many ms later, in this way.
    fn tally(attempts: &[(u64, Outcome)]) -> Tally {
        let record = |(index, (ms, outcome)): (usize, &(u64, Outcome))| Record {
            id: index as u64 + 1,
            done: ticks(0, ms * MS),
            outcome: *outcome as u8,
            origin: 1 + (index % 2) as u8,
            ..Record::zeroed()
        };
        Tally::new(attempts.iter().enumerate().map(record).collect(), 10 * MS, 20 * MS, 2)
    }

    fn ask(tally: &Tally, function: Function, arguments: &[Argument]) -> String {
        match tally.answer(function, arguments).expect("a question about attempts") {
            Ok(value) => value.to_string(),
            Err(why) => format!("unknown: {why}"),
        }
    }

    #[test]
    fn only_what_ended_in_that_stretch_counts() {
        use Outcome::{Ok, Refused, Unfinished};
        let some = tally(&[(5, Refused), (11, Refused), (12, Ok), (20, Ok), (21, Refused), (15, Unfinished)]);
        assert_eq!(ask(&some, Function::Count, &[]), "3");
        assert_eq!(ask(&some, Function::Lost, &[]), "1");
        assert_eq!(ask(&some, Function::Class(Refused), &[]), "1");
        assert_eq!(ask(&some, Function::Max, &[]), "20.00ms");
        assert_eq!(ask(&some, Function::Percentile(500), &[]), "12.00ms");
        assert_eq!(ask(&some, Function::Count, &[Argument::Origin(1)]), "2");
        assert_eq!(ask(&some, Function::Share, &[Argument::Origin(1)]), "0.5");
    }

    #[test]
    fn of_nothing_nothing_is_known() {
        let none = tally(&[(11, Outcome::Refused)]);
        assert_eq!(ask(&none, Function::Share, &[Argument::Origin(0)]), "unknown: nobody was answered");
        assert_eq!(ask(&none, Function::Percentile(990), &[]), "unknown: 1 attempts ended, 2 are needed");
        assert!(none.answer(Function::Workers, &[]).is_none());
    }
}
