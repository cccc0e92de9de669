//! `queues`, which takes no arguments of its own.

/// What its columns mean.
pub(super) const QUEUES: &str = "\
depth  messages in the queue, those in somebody's hands included
owner  the process that the broker serves, as host:pid (the end of its name among the members)
rate   messages handled a second, over the last 10 s; one of the statuses is a tick of our own
age    of the oldest message in the owner's hands

Owners tell this twice a second; who is killed is shown for up to 10 s. `?`: nobody serves the queue, or nobody knows.

Example: flow-runner queues --json";
