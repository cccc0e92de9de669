//! Meta's callbacks in, events out; flow API.
