//! What a target draws beside its bytes: cuts, dialects, places of damage. Drawn from a hash of the bytes, so that an
//! input is a plain file of its kind, and one that was found is found again.

/// Numbers that follow from an input.
pub struct Dice(u64);

impl Dice {
    /// Those of these bytes (FNV-1a).
    pub fn of(bytes: &[u8]) -> Self {
        let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Self(bytes.iter().fold(0xcbf2_9ce4_8422_2325, hash))
    }

    /// The next one, below `below`; 0 where that is 0 (splitmix64).
    pub fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let wide = u128::from(mixed ^ mixed >> 31) * below as u128;
        usize::try_from(wide >> 64).unwrap()
    }

    /// Some line begin of a text, perhaps its end.
    pub fn line_begin(&mut self, text: &[u8]) -> usize {
        let from = self.below(text.len() + 1);
        text[from..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| from + at + 1)
    }
}
