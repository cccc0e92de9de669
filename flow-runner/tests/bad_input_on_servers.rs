//! Whatever is posted to the webhook: the suite `bad_input` on RabbitMQ, Redis and PostgreSQL.

#[path = "bad_input.rs"]
mod bad_input;
