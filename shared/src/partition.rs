//! Which of N queues something belongs to.

use xxhash_rust::xxh3::xxh3_64;

/// The partition of a key: a hash that never changes between versions and machines, modulo the number of partitions.
///
/// Inbound messages are keyed by who wrote them, send jobs by the number they go out from.
#[must_use]
pub fn of(key: &str, partitions: u16) -> u16 {
    let count = u64::from(partitions.max(1));
    u16::try_from(xxh3_64(key.as_bytes()) % count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_hash_is_fixed_for_ever() {
        // Another value here would send a running installation's conversations to other queues.
        assert_eq!(super::of("16505551234", 16), 7);
        assert_eq!(super::of("US.13491208655302741918", 16), 8);
        assert_eq!(super::of("anything", 1), 0);
    }
}
