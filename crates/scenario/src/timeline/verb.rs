//! Portable verbs: the steps that a target has for them.

use std::collections::BTreeMap;

use facts::plan::{Action, Begins, Step};

use super::{Head, Timeline, target};
use crate::{
    action::Begun,
    codes,
    manual::Lacking,
    mistake::{Mistake, both},
    reading::Reading,
    selector::Draws,
    shape::{self, Down, MemberVerb, Word},
    spanned::Spanned,
    text::Text,
};

impl Timeline<'_> {
    /// A portable verb: the steps that the target has for it. What the scenario waits for becomes a step of its own
    /// before them, because the first of them may wait too; the phase begins after it.
    pub(super) fn verb(&mut self, mut head: Head, verb: &str, on: &Word) {
        let Some(target) = self.mistakes.keep(target(on, self.reading, self.scope)) else { return };
        let doing = format!("{verb} {}", self.scope.targets[target]);
        self.wait_before(&mut head, &doing);
        self.primitives(head, verb, (target, on), &doing);
    }

    /// A verb that is done to a member: it is written down as other weights are, and then the target's steps follow.
    pub(super) fn member_verb(&mut self, mut head: Head, verb: MemberVerb, down: &Down) {
        let member = self.reading.text(&down.member);
        let named = member.and_then(|member| {
            let origin = self.scope.origin(member.as_str(), member.at());
            let (target, _) = both(target(&down.target, self.reading, self.scope), origin)?;
            Ok((target, member))
        });
        let Some((target, member)) = self.mistakes.keep(named) else { return };
        let weight = self.weight_after(verb, target, &member);
        let Some(weight) = self.mistakes.keep(weight) else { return };
        let (said, in_folder) = verb.names();
        let doing = format!("{said} {} {}", self.scope.targets[target], member.as_str());
        self.wait_before(&mut head, &doing);
        let set = BTreeMap::from([(member.as_str().to_owned(), weight)]);
        let (scope, at) = (self.scope, self.reading.at(&down.target));
        let mut begun = Begun {
            reading: self.reading,
            scope,
            now: &mut self.now,
            own: None,
            timeout: None,
            draws: Draws::Never,
        };
        let written = begun.weighed(target, set, format!("{doing}: written"), &at);
        let Some((action, text)) = self.mistakes.keep(written) else { return };
        self.made.steps.push(head.step(action, text));
        self.primitives(head, in_folder, (target, &down.target), &doing);
    }

    /// The weight of a member that is drained, or of one that is not any more.
    fn weight_after(&mut self, verb: MemberVerb, target: usize, member: &Text) -> Result<u32, Mistake> {
        let key = (target, member.as_str().to_owned());
        let now = self.now[target].weights.get(member.as_str()).copied().unwrap_or(0);
        match (verb, now) {
            (MemberVerb::Drain, 0) => {
                let message = format!("`{}` gets nothing at this point, so nothing can be drained", key.1);
                Err(Mistake::new(codes::CONTRADICTION, member.at(), message))
            }
            (MemberVerb::Drain, weight) => {
                self.drained.insert(key, weight);
                Ok(0)
            }
            (MemberVerb::Undrain, _) => self.drained.remove(&key).ok_or_else(|| {
                let message = format!("`{}` is not drained at this point", member.as_str());
                Mistake::new(codes::CONTRADICTION, member.at(), message)
                    .help("`weight` gives a member a weight, whatever it had")
            }),
        }
    }

    fn primitives(&mut self, mut head: Head, verb: &str, (target, on): (usize, &Word), doing: &str) {
        let Some(manual) = self.manuals.get(target) else { return };
        let primitives = match manual.verb(verb, &self.reading.at(on)) {
            Ok(primitives) => primitives,
            Err(lacking) => return self.lack(lacking),
        };
        if primitives.is_empty() {
            let text = format!("{doing}: nothing to do");
            return self.made.steps.push(head.step(Action::Mark { text: text.clone() }, text));
        }
        let reading = manual.reading(&self.scope.targets[target]);
        for primitive in primitives {
            self.primitive(primitive, &mut head, &reading, target, doing);
        }
    }

    fn lack(&mut self, lacking: Lacking) {
        match lacking {
            Lacking::Mistake(mistake) => self.mistakes.add(mistake),
            Lacking::Skip(why) => drop(self.made.skip.get_or_insert(why)),
        }
    }

    fn wait_before(&mut self, head: &mut Head, doing: &str) {
        let phase = head.phase.take();
        if let Some(when) = head.when.take() {
            let text = format!("before {doing}: wait until {}", when.text);
            let step = head.step(Action::WaitUntil { condition: when }, text);
            self.made.steps.push(step);
        } else if head.begins != Begins::AtOnce {
            let step = head.step(Action::Mark { text: doing.to_owned() }, format!("before {doing}"));
            self.made.steps.push(step);
        }
        head.phase = phase;
    }

    fn primitive(
        &mut self,
        primitive: &Spanned<shape::Step>,
        head: &mut Head,
        reading: &Reading,
        target: usize,
        doing: &str,
    ) {
        let it = primitive.get_ref();
        if let Some(word) = it.phase.as_ref().or(it.id.as_ref()) {
            let message = "a verb begins no phase and has no id: the step of its scenario does";
            self.mistakes.add(Mistake::new(codes::CONTRADICTION, &reading.at(word), message));
            return;
        }
        let own = self.head(primitive, head.rescues, reading);
        let Some((action, text)) = self.action(primitive, reading, Some(target)) else { return };
        (head.begins, head.when) = (own.begins, own.when);
        let step = head.step(action, format!("{doing}: {text}"));
        self.made.steps.push(Step { may_fail: head.may_fail || own.may_fail, ..step });
    }
}
