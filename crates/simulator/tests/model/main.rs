//! The protocol in a make-believe kernel: explored exhaustively within small bounds, wandered through beyond them.

mod nginx;
mod reduction;
mod reference;
mod wander;
