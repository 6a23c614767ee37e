//! Which back end answered which client: who moved when the weights changed, who had to, and who went to and fro.
//! Only clients with addresses of their own can be told apart, and only behind a method that looks at addresses does any
//! of this say something about the server.

use std::collections::{BTreeMap, BTreeSet};

use facts::{
    Event, Nanos,
    expression::Argument,
    plan::{Action, Population},
};

use crate::{
    Index,
    attempt::Attempt,
    index::{Interval, Scope},
    proof::Shown,
    spelling,
};

/// A client: its population and its number there.
type Client = (u8, u32);

/// What cannot be told of the clients of a scope, and why.
type Told<T> = Result<T, String>;

/// `clients(..)`: those that got an answer.
pub(crate) fn clients(index: &Index, scope: Scope) -> Shown {
    shown(answers(index, scope).map(|answers| {
        let count = answers.len() as f64;
        Shown::between(count, count + index.unseen(scope))
    }))
}

/// `variants(..)`: the most back ends that any one client was answered by.
pub(crate) fn variants(index: &Index, scope: Scope) -> Shown {
    shown(answers(index, scope).map(|answers| {
        let met = |answers: &Vec<Answer>| answers.iter().map(|a| a.origin).collect::<BTreeSet<u8>>().len();
        let most = answers.values().map(met).max().unwrap_or(0) as f64;
        Shown::between(most, most + index.unseen(scope))
    }))
}

/// `moved(before, after)`: of the clients that were answered before, those at home elsewhere after. One that is not heard
/// of again may have moved or not.
pub(crate) fn moved(index: &Index, arguments: &[Argument]) -> Shown {
    shown(Homes::of(index, arguments).map(|homes| {
        let moved = homes.pairs.iter().filter(|(before, after)| before != after).count() as f64;
        Shown::between(moved / homes.all(), (moved + homes.missing) / homes.all())
    }))
}

/// `moved_minimum(before, after)`: the total variation between the shares of before and after, of these very clients. One
/// that is not heard of again changes it by one client at most.
pub(crate) fn moved_minimum(index: &Index, arguments: &[Argument]) -> Shown {
    shown(Homes::of(index, arguments).map(|homes| {
        let mut gained: BTreeMap<u8, i64> = BTreeMap::new();
        for (before, after) in &homes.pairs {
            *gained.entry(*before).or_default() -= 1;
            *gained.entry(*after).or_default() += 1;
        }
        let least = gained.values().filter(|gained| **gained > 0).sum::<i64>() as f64;
        let low = (least - homes.missing).max(0.0);
        Shown::between(low / homes.all(), (least + homes.missing).min(homes.all()) / homes.all())
    }))
}

/// `left(origin, before, after)`: of the clients that were at home there before, those at home elsewhere after.
pub(crate) fn left(index: &Index, arguments: &[Argument]) -> Shown {
    let (origin, stretches): (Vec<&Argument>, Vec<&Argument>) =
        arguments.iter().partition(|argument| matches!(argument, Argument::Origin(_)));
    let [Argument::Origin(origin)] = origin.as_slice() else { return Shown::unknown("an origin is needed") };
    let stretches: Vec<Argument> = stretches.into_iter().cloned().collect();
    shown(Homes::of(index, &stretches).and_then(|homes| {
        let of_origin = homes.pairs.iter().filter(|(before, _)| usize::from(*before) == origin + 1);
        let (mut all, mut left) = (0.0, 0.0);
        for (before, after) in of_origin {
            all += 1.0;
            left += f64::from(u8::from(before != after));
        }
        if all == 0.0 {
            let name = index.plan.origins.get(*origin).map_or("?", |origin| &origin.name);
            return Err(format!("no client was at home at {name} before"));
        }
        // Whoever is not heard of again may have been at home there, and may have left.
        Ok(Shown::between(left / (all + homes.missing), (left + homes.missing) / (all + homes.missing)))
    }))
}

/// `flaps(..)`: changes of the back end, of each client, beyond one for each change of the configuration.
pub(crate) fn flaps(index: &Index, scope: Scope) -> Shown {
    let Some(stretch) = index.interval(scope) else {
        return Shown::unknown(format!("{} did not happen", spelling::scope(index, scope)));
    };
    let flaps = answers(index, scope).and_then(|answers| {
        let of = |(client, answers): (Client, Vec<Answer>)| {
            let allowed = changes(index, client, stretch);
            Ok(transitions(index, client, answers)?.saturating_sub(allowed))
        };
        answers.into_iter().map(of).sum::<Told<usize>>()
    });
    // An attempt that nobody saw may have gone elsewhere and back.
    shown(flaps.map(|flaps| Shown::between(flaps as f64, flaps as f64 + 2.0 * index.unseen(scope))))
}

fn shown(told: Told<Shown>) -> Shown {
    told.unwrap_or_else(Shown::Unknown)
}

/// An answer to a client.
#[derive(Clone, Copy)]
struct Answer {
    began: Nanos,
    done: Nanos,
    origin: u8,
}

/// Every answer in a scope by the client that got it. Only what was sent and answered within the phases counts: a request
/// that was meant for them and sent late may have met the members of the next.
fn answers(index: &Index, scope: Scope) -> Told<BTreeMap<Client, Vec<Answer>>> {
    let Some(stretch) = index.interval(scope) else {
        return Err(format!("{} did not happen", spelling::scope(index, scope)));
    };
    let anywhen = Scope { phases: None, ..scope };
    let is_within = |a: &&Attempt| stretch.begin <= a.began_at() && a.done_at() <= stretch.end;
    let mut answers: BTreeMap<Client, Vec<Answer>> = BTreeMap::new();
    for attempt in index.attempts(anywhen).filter(|a| a.is_answered()).filter(is_within) {
        let client = client(index, attempt)?;
        let origin = attempt.record.origin;
        if origin == 0 {
            return Err("an answer does not say which back end it is from".into());
        }
        let answer = Answer { began: attempt.began_at(), done: attempt.done_at(), origin };
        answers.entry(client).or_default().push(answer);
    }
    match answers.is_empty() {
        true => Err(format!("no complete answer in {}", spelling::scope(index, scope))),
        false => Ok(answers),
    }
}

fn client(index: &Index, attempt: &Attempt) -> Told<Client> {
    let population = attempt.record.population;
    match index.callers.get(&attempt.record.connection) {
        Some(client) => Ok((population, *client)),
        None => {
            let name = index.plan.populations.get(usize::from(population)).map_or("?", |p| &p.name);
            Err(format!(
                "the clients of {name} cannot be told apart: give `{name}` as many `clients` as it has"
            ))
        }
    }
}

/// Where clients were at home before and after.
struct Homes {
    /// Of those answered both before and after.
    pairs: Vec<(u8, u8)>,
    /// Those answered before only.
    missing: f64,
}

impl Homes {
    fn of(index: &Index, arguments: &[Argument]) -> Told<Homes> {
        let stretches = arguments.iter().filter(|argument| matches!(argument, Argument::Phases { .. }));
        let stretches: Vec<Scope> = stretches
            .map(|phases| Scope {
                phases: Scope::of(std::slice::from_ref(phases)).phases,
                ..Scope::of(arguments)
            })
            .collect();
        let [before, after] = stretches.as_slice() else { return Err("two stretches are needed".into()) };
        for scope in [*before, *after] {
            if index.unseen(scope) > 0.0 {
                return Err("not every attempt was seen".into());
            }
        }
        let (before, after) = (homes(answers(index, *before)?), homes(answers(index, *after)?));
        let pair = |(client, home): (&Client, &u8)| Some((*home, *after.get(client)?));
        let pairs: Vec<(u8, u8)> = before.iter().filter_map(pair).collect();
        let missing = (before.len() - pairs.len()) as f64;
        Ok(Homes { pairs, missing })
    }

    fn all(&self) -> f64 {
        self.pairs.len() as f64 + self.missing
    }
}

/// The back end that answered a client most often; of equals the first.
fn homes(answers: BTreeMap<Client, Vec<Answer>>) -> BTreeMap<Client, u8> {
    let home = |answers: Vec<Answer>| {
        let mut counts: BTreeMap<u8, usize> = BTreeMap::new();
        answers.iter().for_each(|answer| *counts.entry(answer.origin).or_default() += 1);
        counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(0, |(origin, _)| origin)
    };
    answers.into_iter().map(|(client, answers)| (client, home(answers))).collect()
}

/// How often a client changed its back end. Of two requests at a time there is no telling which was first.
fn transitions(index: &Index, client: Client, mut answers: Vec<Answer>) -> Told<usize> {
    answers.sort_by_key(|answer| answer.began);
    if answers.windows(2).any(|pair| pair[1].began < pair[0].done) {
        let name = &index.plan.populations[usize::from(client.0)].name;
        return Err(format!(
            "clients of {name} asked twice at a time: give it as many `connections` as `clients`"
        ));
    }
    Ok(answers.windows(2).filter(|pair| pair[0].origin != pair[1].origin).count())
}

/// How often the members of a client's target were changed in a stretch of time.
fn changes(index: &Index, (population, _): Client, stretch: Interval) -> usize {
    let target = index.plan.populations.get(usize::from(population)).map(|p: &Population| p.target);
    let changes = |line: &&facts::Stamped| match line.event {
        Event::StepBegan { step, .. } if (stretch.begin..=stretch.end).contains(&line.at.latest) => {
            index.plan.steps.get(step).is_some_and(|step| changed(&step.action) == target)
        }
        _ => false,
    };
    index.history.events.iter().filter(changes).count()
}

/// The target whose members an action changes.
fn changed(action: &Action) -> Option<usize> {
    match action {
        Action::Weight { target, .. } | Action::Configure { target, .. } | Action::Delete { target, .. } => {
            Some(*target)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use facts::{
        Caller, Event,
        expression::{Argument, Function, Operator, Value},
        plan::Action,
    };

    use crate::built::{Built, FAIL, PASS, UNKNOWN, in_phase};

    /// Ten clients that ask in turn, each 100 ms; `origin` says who answers request `id` of `client`.
    fn asked(origin: impl Fn(u64, u32) -> u8) -> Built {
        let mut built = Built::good();
        for record in &mut built.history.records {
            let client = (record.id % 10) as u32;
            record.origin = origin(record.id, client);
            built.history.callers.push(Caller { connection: record.connection, client });
        }
        built
    }

    /// From phase `steady` to phase `settled`: the weights change in between.
    fn shifted(origin: impl Fn(u64, u32) -> u8) -> Built {
        let mut built = asked(origin);
        built.plan.steps[0].action = Action::Weight { target: 0, weights: Default::default() };
        built
    }

    fn stretches() -> Vec<Argument> {
        [in_phase(0), in_phase(2)].concat()
    }

    fn tenths(built: &Built, function: Function, tenths: f64, expected: &str) {
        built.holds(function, &stretches(), Operator::Equal, Value::Number(tenths / 10.0), expected);
    }

    #[test]
    fn who_moved_and_who_had_to() {
        // Three clients go from the first to the second and one the other way: two of them had to.
        let swapped = shifted(|id, client| match (id < 150, client) {
            (true, 0..3) | (false, 3) => 1,
            (true, 3) | (false, 0..3) => 2,
            _ => 1,
        });
        tenths(&swapped, Function::Moved, 4.0, PASS);
        tenths(&swapped, Function::MovedMinimum, 2.0, PASS);
        tenths(&swapped, Function::Moved, 3.0, FAIL);
        let nobody = shifted(|_, client| if client < 5 { 1 } else { 2 });
        tenths(&nobody, Function::Moved, 0.0, PASS);
        tenths(&nobody, Function::MovedMinimum, 0.0, PASS);
    }

    #[test]
    fn who_left_an_origin() {
        // Of the first four, who are at the first origin, one leaves; others come.
        let built = shifted(|id, client| match (id < 150, client) {
            (true, 0..4) | (false, 1..6) => 1,
            _ => 2,
        });
        let left = |origin, part: f64, expected: &str| {
            let arguments = [vec![Argument::Origin(origin)], stretches()].concat();
            built.holds(Function::Left, &arguments, Operator::Equal, Value::Number(part), expected);
        };
        left(0, 0.25, PASS);
        left(0, 0.0, FAIL);
        left(1, 2.0 / 6.0, PASS);
        left(2, 0.0, UNKNOWN);
    }

    #[test]
    fn a_client_that_is_not_heard_of_again_may_have_moved() {
        let mut built = shifted(|_, _| 1);
        built
            .history
            .records
            .iter_mut()
            .filter(|r| r.id > 190 && r.id % 10 == 7)
            .for_each(|r| r.connection = 1);
        tenths(&built, Function::Moved, 0.0, UNKNOWN);
        built.holds(Function::Moved, &stretches(), Operator::LessOrEqual, Value::Number(0.1), PASS);
        built.holds(Function::Clients, &in_phase(2), Operator::Equal, Value::Number(9.0), PASS);
    }

    #[test]
    fn clients_without_addresses_show_nothing() {
        let mut built = shifted(|_, _| 1);
        built.history.callers.clear();
        tenths(&built, Function::Moved, 0.0, UNKNOWN);
        let zero = Value::Number(0.0);
        for function in [Function::Flaps, Function::Clients, Function::Variants] {
            built.holds(function, &[], Operator::GreaterOrEqual, zero, UNKNOWN);
        }
    }

    fn flaps(built: &Built, number: f64, expected: &str) {
        built.holds(Function::Flaps, &[], Operator::Equal, Value::Number(number), expected);
    }

    #[test]
    fn one_change_for_each_change_of_the_configuration_is_no_flap() {
        let once = |id: u64, _| if id < 110 { 1 } else { 2 };
        flaps(&shifted(once), 0.0, PASS);
        flaps(&asked(once), 10.0, PASS);
        // Client 3 is sent back once: two changes more.
        let back = move |id: u64, client| if id == 153 { 1 } else { once(id, client) };
        flaps(&shifted(back), 2.0, PASS);
        let undone = shifted(back).without(|event| matches!(event, Event::StepBegan { step: 0, .. }));
        flaps(&undone, 12.0, PASS);
    }

    #[test]
    fn two_requests_of_a_client_at_a_time_have_no_order() {
        let mut built = shifted(|_, _| 1);
        built.history.records[20].done = 5_000_000;
        flaps(&built, 0.0, UNKNOWN);
    }

    #[test]
    fn a_client_that_meets_two_back_ends_has_two_variants() {
        let one = Value::Number(1.0);
        asked(|_, client| 1 + (client % 2) as u8).holds(Function::Variants, &[], Operator::Equal, one, PASS);
        asked(|id, _| if id == 70 { 2 } else { 1 }).holds(
            Function::Variants,
            &[],
            Operator::Equal,
            one,
            FAIL,
        );
    }
}
