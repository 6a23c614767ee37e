//! Portable verbs: the steps that a target has for them.

use facts::plan::{Action, Begins, Step};

use super::{Head, Timeline, target};
use crate::{
    codes, manual::Lacking, mistake::Mistake, reading::Reading, shape, shape::Word, spanned::Spanned,
};

impl Timeline<'_> {
    /// A portable verb: the steps that the target has for it. What the scenario waits for becomes a step of its own
    /// before them, because the first of them may wait too; the phase begins after it.
    pub(super) fn verb(&mut self, mut head: Head, verb: &str, on: &Word) {
        let Some(target) = self.mistakes.keep(target(on, self.reading, self.scope)) else { return };
        let Some(manual) = self.manuals.get(target) else { return };
        let primitives = match manual.verb(verb, &self.reading.at(on)) {
            Ok(primitives) => primitives,
            Err(lacking) => return self.lack(lacking),
        };
        let doing = format!("{verb} {}", self.scope.targets[target]);
        self.wait_before(&mut head, &doing);
        if primitives.is_empty() {
            let text = format!("{doing}: nothing to do");
            return self.made.steps.push(head.step(Action::Mark { text: text.clone() }, text));
        }
        let reading = manual.reading(&self.scope.targets[target]);
        for primitive in primitives {
            self.primitive(primitive, &mut head, &reading, target, &doing);
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
