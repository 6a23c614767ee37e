//! The program from outside: exit codes, messages, and that nothing is left of it.

mod complaints;
mod exit_codes;
mod interrupted;
mod replayed;
mod shelf;
