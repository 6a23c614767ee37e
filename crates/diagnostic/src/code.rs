//! What a code stands for: the rows of the tables behind `changeover explain CODE`.

/// One code. It never changes its meaning and is never used again for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// `CD0004`
    pub code: &'static str,
    /// One sentence.
    pub says: &'static str,
    /// A text that is refused with it.
    pub example: &'static str,
}
