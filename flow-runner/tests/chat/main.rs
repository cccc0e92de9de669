//! The chat page: the program itself against a simulated WhatsApp, everything embedded.

mod browser;
mod page;
mod person;
#[path = "../support/mod.rs"]
mod support;
