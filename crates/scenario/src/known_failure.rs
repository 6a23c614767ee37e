//! `known_failure`: how a server that cannot do what a scenario asks for fails. It names what it excuses, so that the
//! same server failing in another way is not excused with it.

use facts::plan::{Expectation, KnownFailure};

use crate::{
    codes,
    mistake::{Mistake, Mistakes},
    reading::Reading,
    shape,
};

/// What the table says, checked against everything that is expected of the case.
pub(crate) fn read(
    failure: &shape::KnownFailure,
    reading: &Reading,
    expectations: &[Expectation],
    mistakes: &mut Mistakes,
) -> Option<KnownFailure> {
    if failure.fails.get_ref().is_empty() {
        let mistake =
            Mistake::new(codes::OUT_OF_RANGE, &reading.at(&failure.fails), "this excuses nothing".to_owned());
        mistakes.add(mistake.help("name the lines of `expect`, or the checks, that fail"));
    }
    let texts = || expectations.iter().map(|expectation| expectation.text.as_str());
    let mut fails = Vec::new();
    for line in failure.fails.get_ref() {
        let Some(text) = mistakes.keep(reading.text(line)) else { continue };
        if texts().all(|known| known != text.as_str()) {
            let message = format!("nothing that is expected here reads `{}`", text.as_str());
            mistakes.add(Mistake::new(codes::UNKNOWN_WORD, text.at(), message).known(text.as_str(), texts()));
        }
        fails.push(text.as_str().to_owned());
    }
    let why = mistakes.keep(reading.text(&failure.why))?.as_str().to_owned();
    Some(KnownFailure { why, fails })
}
