//! The chat page: the suite `chat` on RabbitMQ, Redis and PostgreSQL.

#[path = "chat/browser.rs"]
mod browser;
#[path = "chat/page.rs"]
mod page;
#[path = "chat/person.rs"]
mod person;
mod support;
