//! One long run beyond the bounds that can be exhausted. The scheduler's choices are data, so that whoever shrinks them shrinks
//! the interleaving.

use crate::{
    model::{Kind, Model},
    property::{Property, When},
};

/// Steps without an outside act after which every run must have come to rest.
const STEPS_TO_REST: usize = 2_000;

/// What a run came to that it should not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The sentence that does not hold.
    pub property: String,
    /// What happened, line by line.
    pub timeline: Vec<String>,
}

/// Makes a choice at each step (whether somebody meddles, and which of the possible acts), then lets the server come to rest
/// with nobody meddling.
///
/// How many steps it took.
///
/// # Errors
/// The first property that does not hold on the way, or that it never comes to rest.
pub fn wander<M: Model>(
    model: &M,
    properties: &[&Property],
    choices: &[(bool, u16)],
) -> Result<usize, Broken> {
    let mut run = Run { model, properties, state: model.initial(), timeline: Vec::new() };
    for (meddle, choice) in choices {
        let actions: Vec<M::Action> = run.actions(*meddle);
        if let Some(action) = actions.get(usize::from(*choice) % actions.len().max(1)) {
            run.take(*action)?;
        }
    }
    for _ in 0..STEPS_TO_REST {
        match run.actions(false).first() {
            Some(action) => run.take(*action)?,
            None => return Ok(run.timeline.len()),
        }
    }
    Err(run.broken("every run comes to rest"))
}

struct Run<'a, M: Model> {
    model: &'a M,
    properties: &'a [&'a Property],
    state: M::State,
    timeline: Vec<String>,
}

impl<M: Model> Run<'_, M> {
    fn actions(&self, outside: bool) -> Vec<M::Action> {
        let mut actions = Vec::new();
        self.model.actions(&self.state, &mut actions);
        actions.retain(|action| (self.model.kind(*action) == Kind::Outside) == outside);
        actions
    }

    fn take(&mut self, action: M::Action) -> Result<(), Broken> {
        self.timeline.push(self.model.tell(&self.state, action));
        self.state = self.model.apply(&self.state, action);
        let scene = self.model.scene(&self.state);
        let at_rest = !self.actions(false).iter().any(|action| self.model.kind(*action) == Kind::Step);
        let asked = |property: &Property| match property.when {
            When::Always => true,
            When::AtRest => at_rest,
            When::Sometimes => false,
        };
        match self.properties.iter().find(|property| asked(property) && !(property.holds)(&scene)) {
            Some(property) => Err(self.broken(property.name)),
            None => Ok(()),
        }
    }

    fn broken(&self, property: &str) -> Broken {
        Broken { property: property.into(), timeline: self.timeline.clone() }
    }
}
