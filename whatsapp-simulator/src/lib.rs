//! Meta's side for demos and tests: Graph API, signed webhooks, limits, faults.
