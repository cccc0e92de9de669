//! Repeatable randomness: the same seed gives the same ids and the same dice.

/// One step of SplitMix64 (Steele, Lea and Flood, 2014). For a fixed seed it is a bijection of `index`, which is what
/// makes the message ids drawn from it unique.
pub(crate) fn mix(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number in `0.0..1.0`.
pub(crate) fn unit(seed: u64, index: u64) -> f64 {
    // The upper half is enough for a die, and an f64 holds a u32 exactly.
    let bits = u32::try_from(mix(seed, index) >> 32).unwrap_or(u32::MAX);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dice_are_fair_enough_and_repeatable() {
        let below_half = (0..10_000).filter(|index| unit(7, *index) < 0.5).count();
        assert!((4_800..=5_200).contains(&below_half), "{below_half} of 10000 below one half");
        assert_eq!(mix(7, 3), mix(7, 3));
        assert_ne!(mix(7, 3), mix(8, 3));
    }
}
