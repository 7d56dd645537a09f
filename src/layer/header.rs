//! Tar headers: ustar, with PAX records only for what ustar cannot hold.
//!
//! [POSIX.1-2017, pax, "ustar Interchange Format"](https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06).

use super::{Item, Node};

pub(super) const BLOCK: usize = 512;

/// Largest number in an octal field of 11 digits: a size, a time.
const LARGEST_SIZE: u64 = (1 << 33) - 1;

/// Largest number in an octal field of 7 digits.
const LARGEST_ID: u64 = (1 << 21) - 1;

/// What stands before the name of an extended attribute, as `star`, GNU tar and every engine write it.
const XATTR: &[u8] = b"SCHILY.xattr.";

/// The header of `item`, preceded by PAX records where it needs them.
pub(super) fn header(item: &Item) -> Vec<u8> {
    let (kind, size, link) = match &item.node {
        Node::Directory => (b'5', 0, ""),
        Node::File(body) => (b'0', body.size(), ""),
        Node::Symlink(target) => (b'2', 0, target.as_str()),
        Node::Hardlink(target) => (b'1', 0, target.as_str()),
        Node::Whiteout => (b'0', 0, ""),
    };
    let path = match item.node {
        Node::Directory => format!("{}/", item.path),
        Node::Whiteout => whiteout(&item.path),
        _ => item.path.clone(),
    };
    let records = pax_records(item, &path, link, size);
    let mut out = Vec::with_capacity(BLOCK);
    if !records.is_empty() {
        let head =
            Fields { path: b"PaxHeader", size: records.len() as u64, kind: b'x', mode: 0o644, ..Fields::default() };
        out.extend(head.block());
        out.extend(&records);
        pad(&mut out);
    }
    let (prefix, name) = split(&path).unwrap_or((&[], cut(&path, 100)));
    let fields = Fields {
        prefix,
        path: name,
        link: cut(link, 100),
        mode: item.mode,
        uid: if item.uid > LARGEST_ID { 0 } else { item.uid },
        gid: if item.gid > LARGEST_ID { 0 } else { item.gid },
        size: if size > LARGEST_SIZE { 0 } else { size },
        mtime: if item.mtime > LARGEST_SIZE { 0 } else { item.mtime },
        kind,
    };
    out.extend(fields.block());
    out
}

/// The name of the mark that hides `path`.
#[must_use]
pub fn whiteout(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{slash}.wh.{name}")
}

/// Zeros up to the next block.
pub(super) fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(BLOCK), 0);
}

/// Zeros that follow `size` bytes of contents.
#[expect(clippy::cast_possible_truncation, reason = "a remainder by 512 fits into any integer")]
pub(super) const fn padding(size: u64) -> usize {
    (size.wrapping_neg() % BLOCK as u64) as usize
}

#[derive(Default)]
struct Fields<'a> {
    prefix: &'a [u8],
    path: &'a [u8],
    link: &'a [u8],
    mode: u32,
    uid: u64,
    gid: u64,
    size: u64,
    mtime: u64,
    kind: u8,
}

impl Fields<'_> {
    fn block(&self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        put(&mut block, 0, self.path);
        octal(&mut block[100..108], self.mode.into());
        octal(&mut block[108..116], self.uid);
        octal(&mut block[116..124], self.gid);
        octal(&mut block[124..136], self.size);
        octal(&mut block[136..148], self.mtime);
        block[148..156].fill(b' ');
        block[156] = self.kind;
        put(&mut block, 157, self.link);
        put(&mut block, 257, b"ustar\x0000");
        octal(&mut block[329..337], 0);
        octal(&mut block[337..345], 0);
        put(&mut block, 345, self.prefix);
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        octal(&mut block[148..155], sum.into());
        block
    }
}

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Digits to the end of the field but one, which stays NUL.
fn octal(field: &mut [u8], value: u64) {
    let width = field.len() - 1;
    let text = format!("{value:0width$o}");
    field[..width].copy_from_slice(&text.as_bytes()[text.len() - width..]);
}

/// Splits a path into ustar's prefix (155 bytes) and name (100 bytes), at the last possible slash.
fn split(path: &str) -> Option<(&[u8], &[u8])> {
    if !path.is_ascii() {
        return None;
    }
    if path.len() <= 100 {
        return Some((&[], path.as_bytes()));
    }
    let inner = path.trim_end_matches('/');
    let fits = |at: &usize| *at <= 155 && path.len() - at - 1 <= 100;
    let at = inner.match_indices('/').map(|(at, _)| at).rfind(fits)?;
    Some((&path.as_bytes()[..at], &path.as_bytes()[at + 1..]))
}

fn cut(text: &str, length: usize) -> &[u8] {
    &text.as_bytes()[..text.len().min(length)]
}

fn pax_records(item: &Item, path: &str, link: &str, size: u64) -> Vec<u8> {
    let mut records = Vec::new();
    for (name, value) in &item.xattrs {
        records.extend(pax_record(&[XATTR, name.as_bytes()].concat(), value));
    }
    let number = |value: u64, largest: u64| (value > largest).then(|| value.to_string());
    let text = |value: &str, fits: bool| (!fits).then(|| value.to_owned());
    let candidates = [
        ("gid", number(item.gid, LARGEST_ID)),
        ("linkpath", text(link, link.len() <= 100 && link.is_ascii())),
        ("mtime", number(item.mtime, LARGEST_SIZE)),
        ("path", text(path, split(path).is_some())),
        ("size", number(size, LARGEST_SIZE)),
        ("uid", number(item.uid, LARGEST_ID)),
    ];
    for (key, value) in candidates {
        if let Some(value) = value {
            records.extend(pax_record(key.as_bytes(), value.as_bytes()));
        }
    }
    records
}

/// `LENGTH key=value\n`, where LENGTH counts itself.
fn pax_record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    [length.to_string().as_bytes(), b" ", key, b"=", value, b"\n"].concat()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{super::Body, *};

    fn item(path: &str, node: Node) -> Item {
        Item::new(path.to_owned(), node, 0o755)
    }

    #[test]
    fn another_reader_reads_every_kind_of_header() {
        let long = "d/".repeat(140) + &"n".repeat(120);
        let check = |item: &Item| {
            let mut tar = header(item);
            tar.resize(tar.len() + 1024, 0);
            let mut archive = tar::Archive::new(&tar[..]);
            let entry = archive.entries().unwrap().next().unwrap().unwrap();
            assert_eq!(entry.path_bytes().strip_suffix(b"/").unwrap_or(&entry.path_bytes()), item.path.as_bytes());
            assert_eq!(entry.header().mode().unwrap(), item.mode);
            assert_eq!((entry.header().uid().unwrap(), entry.header().mtime().unwrap()), (item.uid, item.mtime));
            match &item.node {
                Node::Symlink(target) | Node::Hardlink(target) => {
                    assert_eq!(&*entry.link_name_bytes().unwrap(), target.as_bytes());
                }
                _ => {}
            }
        };
        let mark = header(&item("a/b", Node::Whiteout));
        assert_eq!((&mark[..7], mark[156], mark.len()), (&b"a/.wh.b"[..], b'0', BLOCK));
        assert_eq!(whiteout("a"), ".wh.a");
        for path in ["a", "é/ü", &"x".repeat(100), &"x".repeat(101), &("a/".repeat(60) + "b"), &long] {
            check(&item(path, Node::Directory));
            check(&item(path, Node::File(Body::Literal(Bytes::new()))));
            check(&item("l", Node::Symlink(path.to_owned())));
            check(&item(path, Node::Hardlink(path.to_owned())));
        }
    }

    #[test]
    fn extended_attributes_are_records_of_any_bytes() {
        let mut plain = item("ping", Node::File(Body::Literal(Bytes::new())));
        plain.xattrs.insert("security.capability".to_owned(), vec![1, 0, b'=', 0xff]);
        let mut tar = header(&plain);
        tar.resize(tar.len() + 1024, 0);
        let mut archive = tar::Archive::new(&tar[..]);
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        let records: Vec<_> = entry.pax_extensions().unwrap().unwrap().map(Result::unwrap).collect();
        assert_eq!(records[0].key_bytes(), b"SCHILY.xattr.security.capability");
        assert_eq!(records[0].value_bytes(), [1, 0, b'=', 0xff]);
    }

    #[test]
    fn a_record_counts_its_own_length() {
        let check = |value: &str| {
            let record = pax_record(b"path", value.as_bytes());
            let length: usize = str::from_utf8(&record).unwrap().split(' ').next().unwrap().parse().unwrap();
            assert_eq!(length, record.len());
        };
        (85..100).chain(985..995).for_each(|length| check(&"x".repeat(length)));
    }
}
