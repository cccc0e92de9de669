//! Advances conversations: load, advance, commit, hand over.
