//! Adapters behind the ports of shared: SQLite, RabbitMQ, Redis, PostgreSQL.
