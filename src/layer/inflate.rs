//! Inflating raw deflate while noting where its blocks lie, to the bit. This is the one place that
//! speaks the C-style interface of zlib: no safe wrapper offers `Z_BLOCK`.

#![expect(unsafe_code, reason = "zlib's interface; every call is explained beside it")]

use std::{
    alloc::{Layout, handle_alloc_error},
    mem::MaybeUninit,
};

use libz_rs_sys::{
    Z_BLOCK, Z_BUF_ERROR, Z_OK, Z_STREAM_END, inflate, inflateEnd, inflateInit2_, inflateReset, z_stream, zlibVersion,
};

use super::deflate::WINDOW;

/// Inflates one raw deflate stream after another.
pub(super) struct Inflater {
    /// Boxed: zlib keeps the address of the stream in its own state.
    stream: Box<z_stream>,
}

/// What one call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    pub(super) stop: Stop,
}

/// Where a call stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Input is used up or output is full.
    Running,
    /// Right behind a block; counted from the start of the stream.
    BlockEnd {
        /// Bits of the stream up to here.
        bit: u64,
        /// Whether it was the stream's last block.
        last: bool,
    },
    /// The stream is over.
    End,
}

/// The stream is no deflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

impl Inflater {
    pub(super) fn new() -> Self {
        let size = i32::try_from(size_of::<z_stream>()).expect("the structure is small");
        let mut stream: Box<MaybeUninit<z_stream>> = Box::new(MaybeUninit::zeroed());
        // SAFETY: a zeroed z_stream is what zlib's manual asks for before initialisation (null
        // allocators select the default ones); version and size are those of this very library.
        let stream = unsafe {
            let code = inflateInit2_(stream.as_mut_ptr(), -15, zlibVersion(), size);
            if code != Z_OK {
                // Only for want of memory, most of it the window: it ends as any other allocation that fails.
                handle_alloc_error(Layout::new::<[u8; WINDOW]>());
            }
            stream.assume_init()
        };
        Self { stream }
    }

    /// Begins a new stream.
    pub(super) fn reset(&mut self) {
        // SAFETY: the stream was initialised in `new` and has not moved.
        let code = unsafe { inflateReset(&raw mut *self.stream) };
        debug_assert_eq!(code, Z_OK, "resetting an initialised stream does not fail");
    }

    /// Inflates from `input` into `output` until one of them ends or a block does.
    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Broken> {
        let (given, room) = (clamp(input.len()), clamp(output.len()));
        self.stream.next_in = input.as_ptr().cast_mut();
        self.stream.avail_in = given;
        self.stream.next_out = output.as_mut_ptr();
        self.stream.avail_out = room;
        // SAFETY: the stream is initialised; next_in and next_out point to avail_in and avail_out
        // bytes that outlive the call; zlib does not write through next_in.
        let code = unsafe { inflate(&raw mut *self.stream, Z_BLOCK) };
        let consumed = (given - self.stream.avail_in) as usize;
        let produced = (room - self.stream.avail_out) as usize;
        match code {
            Z_OK | Z_BUF_ERROR => Ok(Step { consumed, produced, stop: self.stop() }),
            Z_STREAM_END => Ok(Step { consumed, produced, stop: Stop::End }),
            _ => Err(Broken),
        }
    }

    /// `data_type` after `Z_BLOCK` (zlib.h, `inflate`): 128 right behind a block, 64 in the last one,
    /// and the number of unused bits of the input consumed. zlib-rs counts up to 63 of those.
    fn stop(&self) -> Stop {
        let state = self.stream.data_type;
        if state & 128 == 0 {
            return Stop::Running;
        }
        let unused = u64::from((state & 63).unsigned_abs());
        Stop::BlockEnd { bit: self.stream.total_in * 8 - unused, last: state & 64 != 0 }
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: the stream was initialised in `new`; it is not used again.
        unsafe { inflateEnd(&raw mut *self.stream) };
    }
}

fn clamp(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
