//! How deep JSON is nested, told before anything parses it.

/// Objects and lists inside each other at most.
const MAX_DEPTH: usize = 64;

/// Whether anything lies deeper than [`MAX_DEPTH`]. Only looks at brackets, so it needs no stack however deep it goes.
pub(crate) fn too_deep(json: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn depth_counts_brackets_outside_of_texts() {
        assert!(!too_deep(nested(MAX_DEPTH).as_bytes()));
        assert!(too_deep(nested(MAX_DEPTH + 1).as_bytes()));
        assert!(too_deep(nested(1_000_000).as_bytes()));
        assert!(!too_deep(format!(r#"["{}","\"{}"]"#, "[".repeat(100), "{".repeat(100)).as_bytes()));
        assert!(!too_deep("[],".repeat(1000).as_bytes()));
    }
}
