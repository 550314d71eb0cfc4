//! The two hashes of journal files: Jenkins' lookup3 (`hashlittle2`, public domain) in older ones, SipHash-2-4 keyed by
//! the file's id in newer ones (`HEADER_INCOMPATIBLE_KEYED_HASH`).

/// Which hash a file uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    /// lookup3, its first word above its second.
    Jenkins,
    /// SipHash-2-4 with this key.
    Keyed([u8; 16]),
}

impl Hash {
    /// The hash of a payload, unpacked.
    pub(super) fn of(self, bytes: &[u8]) -> u64 {
        match self {
            Self::Jenkins => jenkins(bytes),
            Self::Keyed(key) => siphash(key, bytes),
        }
    }
}

/// Four bytes, little-endian; what is missing at the end is zero.
fn word32(bytes: &[u8], at: usize) -> u32 {
    (0..4).fold(0, |word, byte| word | u32::from(bytes.get(at + byte).copied().unwrap_or(0)) << (8 * byte))
}

/// `jenkins_hash64` of systemd: `hashlittle2` with both seeds zero.
fn jenkins(bytes: &[u8]) -> u64 {
    let length = u32::try_from(bytes.len() & 0xffff_ffff).unwrap_or(u32::MAX);
    let seed = 0xdead_beef_u32.wrapping_add(length);
    let (mut a, mut b, mut c) = (seed, seed, seed);
    let mut rest = bytes;
    while let Some((block, behind)) = rest.split_at_checked(12).filter(|(_, behind)| !behind.is_empty()) {
        a = a.wrapping_add(word32(block, 0));
        b = b.wrapping_add(word32(block, 4));
        c = c.wrapping_add(word32(block, 8));
        (a, b, c) = mix(a, b, c);
        rest = behind;
    }
    if !rest.is_empty() {
        a = a.wrapping_add(word32(rest, 0));
        b = b.wrapping_add(word32(rest, 4));
        c = c.wrapping_add(word32(rest, 8));
        (b, c) = finish(a, b, c);
    }
    u64::from(c) << 32 | u64::from(b)
}

fn mix(mut a: u32, mut b: u32, mut c: u32) -> (u32, u32, u32) {
    for turns in [[4, 6, 8], [16, 19, 4]] {
        a = a.wrapping_sub(c) ^ c.rotate_left(turns[0]);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(turns[1]);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(turns[2]);
        b = b.wrapping_add(a);
    }
    (a, b, c)
}

/// The second and third word, stirred.
fn finish(mut a: u32, mut b: u32, mut c: u32) -> (u32, u32) {
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    c = (c ^ b).wrapping_sub(b.rotate_left(24));
    (b, c)
}

/// SipHash-2-4 (Aumasson, Bernstein 2012).
fn siphash(key: [u8; 16], bytes: &[u8]) -> u64 {
    let key = u128::from_le_bytes(key);
    let low = u64::try_from(key & u128::from(u64::MAX)).unwrap_or(0);
    let high = u64::try_from(key >> 64).unwrap_or(0);
    let mut state = [
        low ^ 0x736f_6d65_7073_6575,
        high ^ 0x646f_7261_6e64_6f6d,
        low ^ 0x6c79_6765_6e65_7261,
        high ^ 0x7465_6462_7974_6573,
    ];
    let mut take = |word: u64| {
        state[3] ^= word;
        state = round(round(state));
        state[0] ^= word;
    };
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        take(<[u8; 8]>::try_from(word).map_or(0, u64::from_le_bytes));
    }
    let last = words.remainder().iter().rev().fold(0, |word: u64, byte| word << 8 | u64::from(*byte));
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    take(last | length << 56);
    state[2] ^= 0xff;
    let [a, b, c, d] = round(round(round(round(state))));
    a ^ b ^ c ^ d
}

fn round([a, b, c, d]: [u64; 4]) -> [u64; 4] {
    let a = a.wrapping_add(b);
    let b = b.rotate_left(13) ^ a;
    let a = a.rotate_left(32);
    let c = c.wrapping_add(d);
    let d = d.rotate_left(16) ^ c;
    let a = a.wrapping_add(d);
    let d = d.rotate_left(21) ^ a;
    let c = c.wrapping_add(b);
    let b = b.rotate_left(17) ^ c;
    let c = c.rotate_left(32);
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siphash_is_that_of_its_paper() {
        // Appendix A: key 00 01 … 0f, message 00 01 … 0e.
        let key = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let message: Vec<u8> = (0..15).collect();
        assert_eq!(siphash(key, &message), 0xa129_ca61_49be_45e5);
        assert_eq!(siphash(key, &[]), 0x726f_db47_dd0e_0e31);
    }

    #[test]
    fn jenkins_is_lookup3() {
        // From the driver at the end of lookup3.c.
        assert_eq!(jenkins(b""), 0xdead_beef_dead_beef);
        assert_eq!(jenkins(b"Four score and seven years ago"), 0x1777_0551_ce72_26e6);
    }
}
