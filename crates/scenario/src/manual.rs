//! How the portable verbs of a target are done, and who says so: its folder, or the scenario itself.

use crate::{
    codes,
    folder::Folder,
    mistake::{At, Mistake},
    reading::Reading,
    shape::{KnownFailure, Named, Step},
    spanned::Spanned,
};

/// Why a target has no steps for a verb.
pub(crate) enum Lacking {
    /// The file itself should say how.
    Mistake(Mistake),
    /// The server cannot: not a case for it.
    Skip(String),
}

/// The verbs of one target.
pub(crate) enum Manual<'a> {
    /// Those of a folder.
    Folder(Box<Folder>),
    /// Those of a target that stands in the scenario.
    Own { verbs: &'a Named<Vec<Spanned<Step>>>, reading: Reading },
}

impl Manual<'_> {
    /// The steps of a verb, asked for at `at`. None at all means that there is nothing to do.
    pub(crate) fn verb(&self, verb: &str, at: &At) -> Result<&[Spanned<Step>], Lacking> {
        let verbs = match self {
            Manual::Folder(folder) => &folder.shape.verbs,
            Manual::Own { verbs, .. } => verbs,
        };
        let found = verbs.iter().find(|(name, _)| name.get_ref() == verb);
        found.map(|(_, steps)| steps.as_slice()).ok_or_else(|| self.lacking(verb, at))
    }

    /// How the folder says that a scenario of this path fails, and what that is read with.
    pub(crate) fn known_failure(&self, path: &str) -> Option<(&KnownFailure, &Reading)> {
        let Manual::Folder(folder) = self else { return None };
        let known = folder.shape.known_failure.iter().find(|(known, _)| known.get_ref() == path);
        known.map(|(_, failure)| (failure, &folder.reading))
    }

    /// Why the server cannot serve clients of this kind, if it cannot: not a case for it.
    pub(crate) fn lacks(&self, kind: &str) -> Option<String> {
        let Manual::Folder(folder) = self else { return None };
        let (_, why) = folder.shape.lacks.iter().find(|(lacked, _)| lacked.get_ref() == kind)?;
        Some(format!("{} cannot serve `{kind}`: {}", folder.kind, why.get_ref()))
    }

    /// The configurations that serve clients of this kind, where the folder says that only some do.
    pub(crate) fn only_in(&self, kind: &str) -> Option<Vec<&str>> {
        let Manual::Folder(folder) = self else { return None };
        let (_, configurations) = folder.shape.only_in.iter().find(|(of, _)| of.get_ref() == kind)?;
        Some(configurations.iter().map(|name| name.get_ref().as_str()).collect())
    }

    fn lacking(&self, verb: &str, at: &At) -> Lacking {
        match self {
            Manual::Folder(folder) => Lacking::Skip(format!("{} cannot `{verb}`", folder.kind)),
            Manual::Own { .. } => {
                let message = format!("this target does not say how to `{verb}`");
                let mistake = Mistake::new(codes::UNKNOWN_VERB, at, message);
                Lacking::Mistake(mistake.help(format!("add `{verb} = [ … ]` to its `verbs`")))
            }
        }
    }

    /// What the steps are read with: `${name}` is the target's name in the scenario.
    pub(crate) fn reading(&self, name: &str) -> Reading {
        let mut reading = match self {
            Manual::Folder(folder) => folder.reading.clone(),
            Manual::Own { reading, .. } => reading.clone(),
        };
        reading.values.push(("name".to_owned(), name.to_owned()));
        reading
    }
}
