//! The simulator from outside: over HTTP, with a webhook of the tests' own.

mod chat_page;
mod control;
mod events;
mod faults_of_answers;
mod faults_of_callbacks;
mod limits;
mod requests;
mod samples;
mod shapes;
mod stage;
mod statuses;
mod users;
mod webhook;
