//! What a child process used: wall clock, processor time of it and of everything that it waited for,
//! and the largest resident set among those.

#![expect(unsafe_code, reason = "the standard library waits for children without asking what they used")]

use std::{io, process::Command, time::Instant};

use super::Outcome;

#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// Seconds.
    pub(super) wall: f64,
    /// Seconds, user and system.
    pub(super) cpu: f64,
    pub(super) peak_mebibytes: f64,
}

impl Usage {
    pub(super) fn least(self, other: Self) -> Self {
        Self {
            wall: self.wall.min(other.wall),
            cpu: self.cpu.min(other.cpu),
            peak_mebibytes: self.peak_mebibytes.min(other.peak_mebibytes),
        }
    }
}

/// `struct rusage` of 64-bit Linux: `getrusage(2)`.
#[repr(C)]
#[derive(Default)]
struct Resources {
    user: [i64; 2],
    system: [i64; 2],
    peak_kibibytes: i64,
    others: [i64; 13],
}

unsafe extern "C" {
    fn wait4(process: i32, status: *mut i32, options: i32, resources: *mut Resources) -> i32;
}

/// Runs `command` to its end.
pub(super) fn measure(command: &mut Command) -> Outcome<Usage> {
    let start = Instant::now();
    let child = command.spawn()?;
    let process = i32::try_from(child.id())?;
    let (mut status, mut resources) = (0, Resources::default());
    // SAFETY: both pointers are to live values of the layout that wait4(2) describes; the child is
    // ours and nobody else waits for it.
    let found = unsafe { wait4(process, &raw mut status, 0, &raw mut resources) };
    if found != process {
        return Err(io::Error::last_os_error().into());
    }
    if status != 0 {
        return Err(format!("{command:?} ended with status {status:#x}").into());
    }
    Ok(Usage {
        wall: start.elapsed().as_secs_f64(),
        cpu: seconds(resources.user) + seconds(resources.system),
        peak_mebibytes: real(resources.peak_kibibytes) / 1024.0,
    })
}

fn seconds([whole, millionths]: [i64; 2]) -> f64 {
    real(whole) + real(millionths) / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "measurements have fewer than 52 bits")]
fn real(value: i64) -> f64 {
    value as f64
}
