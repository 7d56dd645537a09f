//! Rights of programs that are less than root's: `setcap cap_net_raw+ep /bin/ping`. Packages do not carry
//! them; without, an ordinary user could not ping.

use super::{
    super::tree::{Tree, TreeKind},
    Answer,
};
use crate::debian::shell::Called;

const ATTRIBUTE: &str = "security.capability";
/// Of `struct vfs_cap_data`, `linux/capability.h`.
const REVISION: u32 = 0x0200_0000;
const EFFECTIVE: u32 = 1;

/// The names, in the order of their numbers (`linux/capability.h`).
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

pub(super) fn call(tree: &mut Tree, words: &[&str]) -> Answer {
    let done = match words {
        ["setcap", "-r", path] => set(tree, path, None),
        ["setcap", text, path] => attribute(text).is_some_and(|value| set(tree, path, Some(value))),
        ["setcap", ..] => false,
        _ => return None,
    };
    Some(if done { Called::done() } else { Called::undone() })
}

fn set(tree: &mut Tree, path: &str, value: Option<Vec<u8>>) -> bool {
    let place = path.strip_prefix('/').and_then(|path| tree.resolve(path));
    let Some(node) = place.and_then(|place| tree.get_mut(&place)) else { return false };
    if !matches!(node.kind, TreeKind::File { .. }) {
        return false;
    }
    node.xattrs.remove(ATTRIBUTE);
    node.xattrs.extend(value.map(|value| (ATTRIBUTE.to_owned(), value)));
    true
}

/// The bytes for `cap_net_raw,cap_net_admin+ep`: one clause, as `cap_text_formats(7)` has it.
fn attribute(text: &str) -> Option<Vec<u8>> {
    let at = text.find(['+', '='])?;
    let (names, flags) = (&text[..at], &text[at + 1..]);
    let mut bits = 0_u64;
    for name in names.split(',') {
        let name = name.strip_prefix("cap_")?;
        bits |= 1 << NAMES.iter().position(|known| *known == name)?;
    }
    if !flags.chars().all(|flag| "eip".contains(flag)) {
        return None;
    }
    let has = |flag| if flags.contains(flag) { bits } else { 0 };
    let (permitted, inheritable) = (has('p'), has('i'));
    let effective = if flags.contains('e') { EFFECTIVE } else { 0 };
    let half = |bits: u64, shift: u32| u32::try_from(bits >> shift & 0xffff_ffff).ok();
    let words = [
        REVISION | effective,
        half(permitted, 0)?,
        half(inheritable, 0)?,
        half(permitted, 32)?,
        half(inheritable, 32)?,
    ];
    Some(words.iter().flat_map(|word| word.to_le_bytes()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_as_setcap_writes_them() {
        let check = |text: &str, expect: Option<&str>| {
            let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
            assert_eq!(attribute(text).map(hex).as_deref(), expect, "{text}");
        };
        // What getfattr shows after setcap(8) was run.
        check("cap_net_raw+ep", Some("0100000200200000000000000000000000000000"));
        check("cap_net_raw=ep", Some("0100000200200000000000000000000000000000"));
        check("cap_net_bind_service,cap_bpf+p", Some("0000000200040000000000008000000000000000"));
        check("cap_unknown+ep", None);
        check("cap_net_raw+x", None);
        check("cap_net_raw", None);
    }
}
