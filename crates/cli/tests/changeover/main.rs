//! The program from outside: exit codes, messages, and that nothing is left of it.

mod compared;
mod complaints;
mod exit_codes;
mod interrupted;
mod loaded;
mod replayed;
mod reported;
mod run;
mod selected;
mod shelf;
mod told;
mod written;
