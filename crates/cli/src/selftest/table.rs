//! The truth table, as text.

use std::collections::BTreeMap;

use super::judge::Row;

/// Every row, and what they come to.
pub(crate) fn table(rows: &[Row], seed: u64) -> String {
    let mut text = format!(
        "{:<26} {:<14} {:>6}  {:<36} {}\n",
        "what is done", "to clients", "struck", "called", "all others"
    );
    for row in rows {
        let word = if row.is_right() { "" } else { "  WRONG" };
        text += &format!(
            "{:<26} {:<14} {:>6}  {:<36} {}{word}\n",
            row.cell.name,
            row.cell.clients.name(),
            row.struck,
            counts(&row.said),
            counts(&row.others)
        );
    }
    let struck: u64 = rows.iter().map(|row| row.struck).sum();
    let others: u64 = rows.iter().flat_map(|row| row.others.values()).sum();
    let wrong = rows.iter().filter(|row| !row.is_right()).count();
    let right = rows.len() - wrong;
    text +=
        &format!("{right} of {} cells right, {struck} struck, {others} others, seed {seed}\n", rows.len());
    text
}

fn counts(of: &BTreeMap<&'static str, u64>) -> String {
    let words: Vec<String> = of.iter().map(|(name, count)| format!("{count} {name}")).collect();
    if words.is_empty() { "-".into() } else { words.join(", ") }
}
