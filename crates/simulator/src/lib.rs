//! The upgrade protocol in a make-believe kernel: explored exhaustively within bounds, wandered through beyond them.
//!
//! A [`Model`] says what can happen; [`explore()`] finds every state, with a shortest way to each that breaks a
//! [`Property`]. [`Reference`] runs the very code of `protocol` that the server runs; [`nginx::Nginx`] is another server's
//! master, written after its sources, with every known quirk as a flag.
//!
//! [`conform()`] tells whether what a real master wrote down of its turns is a behaviour of the same code.
//!
//! Does not know: processes, files, clocks. Nothing here takes time or does anything.
#![forbid(unsafe_code)]

pub mod allowance;
pub mod bounds;
mod conform;
mod explore;
mod fingerprint;
pub mod model;
pub mod nginx;
mod outage;
mod portfolio;
pub mod property;
pub mod reference;
pub mod scene;
mod talk;
mod wander;

pub use allowance::Allowance;
pub use bounds::{Bounds, Budget};
pub use conform::{Conformance, Divergence, End, conform};
pub use explore::{Exploration, Violation, explore};
pub use fingerprint::fingerprint;
pub use model::{Kind, Model};
pub use outage::{NGINX, Outage, outages};
pub use portfolio::{Case, ENOUGH, PORTFOLIO, WHOLE};
pub use property::{PROPERTIES, Property, When};
pub use reference::Reference;
pub use scene::Scene;
pub use talk::{Talk, unsaid};
pub use wander::{Broken, wander};
