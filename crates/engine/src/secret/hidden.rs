//! Bytes that no core of this process holds, and that are wiped when dropped.
//!
//! A host keeps its vault's key for as long as it lives, and whoever crashes may leave its memory on a disk. So such bytes have
//! pages of their own, which Linux is told to leave out of a core (`MADV_DONTDUMP`; gdb's `gcore` keeps to it, too). Elsewhere, or
//! where there are no pages, they are wiped memory and nothing more.

use zeroize::Zeroize;

pub struct Hidden(Pages);

impl Hidden {
    /// A copy of `bytes`; whoever has the original wipes it.
    pub fn copy_of(bytes: &[u8]) -> Hidden {
        Hidden(Pages::copy_of(bytes))
    }

    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl Clone for Hidden {
    fn clone(&self) -> Hidden {
        Hidden::copy_of(self.bytes())
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        self.0.bytes_mut().zeroize();
    }
}

#[cfg(target_os = "linux")]
mod pages {
    use std::ptr::NonNull;

    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

    pub enum Pages {
        Own { start: NonNull<u8>, length: usize },
        Heap(Box<[u8]>),
    }

    // SAFETY: the pages are this value's alone, as those of a box are.
    unsafe impl Send for Pages {}
    // SAFETY: through a shared reference they are only read.
    unsafe impl Sync for Pages {}

    impl Pages {
        pub fn copy_of(bytes: &[u8]) -> Pages {
            // Nothing is mapped for nothing.
            let length = bytes.len().max(1);
            // SAFETY: a new anonymous mapping replaces none.
            let mapped = unsafe {
                mmap_anonymous(std::ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
            };
            let Some(start) = mapped.ok().and_then(|start| NonNull::new(start.cast::<u8>())) else {
                return Pages::Heap(bytes.into());
            };
            // Best effort: a kernel without it has the bytes all the same.
            // SAFETY: it changes no byte, and the mapping is ours.
            let _ = unsafe { madvise(start.as_ptr().cast(), length, Advice::LinuxDontDump) };
            // SAFETY: the mapping is new, long enough, and can be written.
            unsafe { start.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
            Pages::Own { start, length: bytes.len() }
        }

        pub fn bytes(&self) -> &[u8] {
            match self {
                // SAFETY: mapped, filled, and not unmapped before this value is dropped.
                Pages::Own { start, length } => unsafe { std::slice::from_raw_parts(start.as_ptr(), *length) },
                Pages::Heap(bytes) => bytes,
            }
        }

        pub fn bytes_mut(&mut self) -> &mut [u8] {
            match self {
                // SAFETY: as above, and nobody else has a reference.
                Pages::Own { start, length } => unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), *length) },
                Pages::Heap(bytes) => bytes,
            }
        }
    }

    impl Drop for Pages {
        fn drop(&mut self) {
            if let Pages::Own { start, length } = self {
                // SAFETY: the mapping is ours, and nothing points to it any more.
                let _ = unsafe { munmap(start.as_ptr().cast(), (*length).max(1)) };
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod pages {
    pub struct Pages(Box<[u8]>);

    impl Pages {
        pub fn copy_of(bytes: &[u8]) -> Pages {
            Pages(bytes.into())
        }

        pub fn bytes(&self) -> &[u8] {
            &self.0
        }

        pub fn bytes_mut(&mut self) -> &mut [u8] {
            &mut self.0
        }
    }
}

use pages::Pages;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_what_was_given() {
        for length in [0, 1, 32, 4096, 10_000] {
            let bytes = vec![7; length];
            let hidden = Hidden::copy_of(&bytes);
            let copy = hidden.clone();
            drop(hidden);
            assert_eq!(copy.bytes(), bytes);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn its_pages_are_left_out_of_a_core() {
        let hidden = Hidden::copy_of(&[7; 32]);
        let address = hidden.bytes().as_ptr() as usize;
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut is_ours = false;
        for line in maps.lines() {
            let range = line.split(' ').next().and_then(|range| range.split_once('-'));
            let number = |text| usize::from_str_radix(text, 16);
            if let Some((Ok(from), Ok(to))) = range.map(|(from, to)| (number(from), number(to))) {
                is_ours = (from..to).contains(&address);
            } else if is_ours && line.starts_with("VmFlags:") {
                assert!(line.split(' ').any(|flag| flag == "dd"), "{line}");
                return;
            }
        }
        panic!("{address:x} is not mapped");
    }
}
