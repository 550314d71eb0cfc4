//! The generation number that a file system gives to a file, so that a number used again is seen.

#![expect(unsafe_code, reason = "FS_IOC_GETVERSION, which no crate wraps")]

use std::fs::File;

use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

/// `FS_IOC_GETVERSION` is declared with a `long` and writes an `int` (`ext4_ioctl`, fs/ext4/ioctl.c).
const GET_VERSION: Opcode = opcode::read::<std::ffi::c_long>(b'v', 1);

/// The generation (ext4, xfs, btrfs, f2fs …), none where the file system does not tell (tmpfs: ENOTTY).
pub(super) fn of(file: &File) -> Option<u32> {
    let mut words = [0_u32; 2];
    // SAFETY: the kernel writes at most a `long` to the pointer, and two words are as long as the longest one.
    let call = unsafe { Updater::<GET_VERSION, [u32; 2]>::new(&mut words) };
    // SAFETY: the opcode only reads a number about an open file.
    unsafe { ioctl(file, call) }.ok()?;
    words.first().copied().filter(|number| *number != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_number_or_has_none() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(of(&file), of(&file.try_clone().unwrap()));
    }
}
