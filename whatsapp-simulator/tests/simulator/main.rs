//! The simulator from outside: over HTTP, with a webhook of the tests' own.

mod control;
mod faults_of_answers;
mod faults_of_callbacks;
mod limits;
mod requests;
mod shapes;
mod stage;
mod statuses;
mod users;
mod webhook;
