//! The matrix: the cross product of its lists, one case per cell.

use std::collections::BTreeSet;

use facts::Plan;

use crate::{
    codes,
    mistake::{Mistake, Mistakes},
    reading::Reading,
    shape::{File, Word},
};

/// More cells than this are a slip.
const MOST_CELLS: usize = 1_000;

/// The values of each cell, keys in the order of the file. Without a matrix: one cell without values.
pub(crate) fn cells(file: &File, reading: &Reading, mistakes: &mut Mistakes) -> Vec<Vec<(String, String)>> {
    let mut keys: Vec<_> = file.matrix.iter().collect();
    keys.sort_by_key(|(key, _)| key.span().start);
    let mut cells = vec![Vec::new()];
    for (key, values) in keys {
        let Some(name) = mistakes.keep(reading.name(key)) else { continue };
        check_differs(&name, key, values.get_ref(), reading, mistakes);
        let many = cells.len() * values.get_ref().len();
        if !(1..=MOST_CELLS).contains(&many) {
            let message = format!("the matrix has {many} cells");
            mistakes.add(Mistake::new(codes::OUT_OF_RANGE, &reading.at(values), message));
            return Vec::new();
        }
        let with = |cell: &Vec<(String, String)>| {
            let pairs = values.get_ref().iter().map(|value| (name.clone(), value.get_ref().clone()));
            pairs.map(|pair| [cell.clone(), vec![pair]].concat()).collect::<Vec<_>>()
        };
        cells = cells.iter().flat_map(with).collect();
    }
    cells
}

/// Cells that are the same are one case that counts twice.
fn check_differs(name: &str, key: &Word, values: &[Word], reading: &Reading, mistakes: &mut Mistakes) {
    let mut seen = BTreeSet::new();
    for value in values.iter().filter(|value| !seen.insert(value.get_ref())) {
        let message = format!("`{}` is there already", value.get_ref());
        mistakes.add(Mistake::new(codes::CONTRADICTION, &reading.at(value), message));
    }
    let used = format!("${{{name}}}");
    let source = &reading.source;
    let texts = [source].into_iter().chain(source.included.iter().map(|(_, part)| part));
    if !texts.into_iter().any(|part| part.text.contains(&used)) {
        let message = format!("nothing uses `{used}`: its cases are all the same");
        mistakes.add(Mistake::new(codes::CONTRADICTION, &reading.at(key), message));
    }
}

/// `upgrade/usr2-winch-quit::target=nginx`
pub(crate) fn id(file_name: &str, values: &[(String, String)]) -> String {
    let below = file_name.rsplit_once("scenarios/").map_or(file_name, |(_, below)| below);
    let path = below.strip_suffix(".toml").unwrap_or(below);
    let values: Vec<String> = values.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if values.is_empty() { path.to_owned() } else { format!("{path}::{}", values.join(",")) }
}

/// `known_failure.KIND` and `expect.on.KIND` must be about a kind that some cell runs, or they never apply.
pub(crate) fn check_kinds(file: &File, reading: &Reading, plans: &[Plan], mistakes: &mut Mistakes) {
    let kinds: BTreeSet<&str> =
        plans.iter().flat_map(|plan| &plan.targets).map(|t| t.kind.as_str()).collect();
    if kinds.is_empty() {
        return;
    }
    let named: Vec<&Word> = file.known_failure.keys().chain(file.expect.on.keys()).collect();
    for key in named.into_iter().filter(|key| !kinds.contains(key.get_ref().as_str())) {
        let message = format!("no case of this file runs a target of kind `{}`", key.get_ref());
        let mistake = Mistake::new(codes::UNKNOWN_KIND, &reading.at(key), message);
        mistakes.add(mistake.known(key.get_ref(), kinds.iter().copied()));
    }
}
