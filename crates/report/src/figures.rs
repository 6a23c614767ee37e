//! How numbers read.

use facts::Nanos;

/// Thousands apart: `28 411`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join(" ")
}

/// Milliseconds with one decimal, without the unit; `-` for what is not known.
pub(crate) fn ms(nanos: Option<Nanos>) -> String {
    nanos.map_or_else(|| "-".into(), |nanos| format!("{:.1}", nanos as f64 / 1e6))
}

#[cfg(test)]
mod tests {
    use super::{grouped, ms};

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [0, 12, 999, 1000, 2014, 1_234_567].map(grouped),
            ["0", "12", "999", "1 000", "2 014", "1 234 567"]
        );
        assert_eq!(ms(Some(8_140_000)), "8.1");
        assert_eq!(ms(None), "-");
    }
}
