//! Delivers send jobs within Meta's limits, each at most once but for one documented resend.
