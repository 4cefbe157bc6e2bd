//! Shades of a heat map.

/// Shades where there is ASCII only, from little to much.
const ASCII: [char; 9] = ['.', ':', '-', '=', '+', '*', '#', '%', '@'];
/// Shades where there is more.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The shades, from little to much.
pub fn shades(utf8: bool) -> &'static [char] {
    if utf8 { &BLOCKS } else { &ASCII }
}

/// The shade of a count, where `most` is the largest. They go by the logarithm: one long stall is to be seen beside ten
/// thousand short ones.
pub fn shade(count: u64, most: u64, shades: &[char]) -> char {
    if count == 0 {
        return ' ';
    }
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "one of a few shades"
    )]
    let at = ((count as f64).ln_1p() / (most as f64).ln_1p() * shades.len() as f64).ceil() as usize;
    shades[at.clamp(1, shades.len()) - 1]
}
