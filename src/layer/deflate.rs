//! A small encoder of deflate blocks with the fixed Huffman code, for what stands between the
//! payloads of a layer: tar headers, padding, small files of ours. Its output is part of the layer
//! format: no byte may ever depend on the version of a compressor.
//!
//! [RFC 1951](https://www.rfc-editor.org/rfc/rfc1951), sections 3.2.4 to 3.2.6.

/// Collects bits, least significant first, into bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    bits: u64,
    count: u32,
}

/// Whether a block is the last of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    Inner,
    Final,
}

/// Gzip header: deflate, no name, no time, no hint, system unknown (255).
pub(super) const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// Bytes that are encoded together at most: bounds the encoder's memory.
pub(super) const LARGEST_LITERAL: usize = 256 * 1024;

/// Longest match that deflate can express.
const LONGEST_MATCH: usize = 258;

/// Shortest match worth the bits.
const SHORTEST_MATCH: usize = 3;

/// Furthest back a match may reach.
pub(super) const WINDOW: usize = 32 * 1024;

/// Earlier positions looked at for each match.
const CHAIN: usize = 32;

const HASH_BITS: u32 = 13;

/// Base length and extra bits of the length codes 257 to 285 (section 3.2.5).
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// Base distance and extra bits of the distance codes (section 3.2.5).
const DISTANCES: [(u16, u8); 30] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12289, 12),
    (16385, 13),
    (24577, 13),
];

impl BitWriter {
    /// Appends the low `count` bits of `value`, lowest first; at most 32 at once.
    pub(super) fn bits(&mut self, value: u32, count: u32) {
        self.bits |= u64::from(value) << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push(self.bits.to_le_bytes()[0]);
            self.bits >>= 8;
            self.count -= 8;
        }
    }

    /// Fills the last byte with zeros.
    pub(super) fn align(&mut self) {
        if self.count > 0 {
            self.bits(0, 8 - self.count);
        }
    }

    /// Appends whole bytes; the writer must be aligned.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        debug_assert_eq!(self.count, 0, "bytes stand at byte boundaries");
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the whole bytes out; up to seven bits stay for what follows.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// An empty stored block, which aligns what follows to a byte (section 3.2.4).
    pub(super) fn align_with_empty_block(&mut self) {
        self.stored_header(0);
    }

    /// The header of an inner stored block of `length` bytes, which must follow.
    pub(super) fn stored_header(&mut self, length: u16) {
        self.bits(0, 3);
        self.align();
        self.bytes(&length.to_le_bytes());
        self.bytes(&(!length).to_le_bytes());
    }

    /// One block of `data` in the fixed Huffman code.
    pub(super) fn fixed_block(&mut self, data: &[u8], block: Block) {
        self.bits(u32::from(block == Block::Final) | 0b010, 3);
        let mut matcher = Matcher::new(data);
        let mut position = 0;
        while position < data.len() {
            if let Some((length, distance)) = matcher.longest(position) {
                self.length(length);
                self.distance(distance);
                matcher.insert(position..position + length);
                position += length;
            } else {
                self.literal(data[position]);
                matcher.insert(position..position + 1);
                position += 1;
            }
        }
        self.symbol(256);
    }

    fn literal(&mut self, byte: u8) {
        self.symbol(byte.into());
    }

    /// A literal, end-of-block or length symbol (section 3.2.6): codes go most significant bit first.
    fn symbol(&mut self, symbol: u16) {
        let (code, length) = match symbol {
            0..=143 => (0x30 + symbol, 8),
            144..=255 => (0x190 + symbol - 144, 9),
            256..=279 => (symbol - 256, 7),
            _ => (0xc0 + symbol - 280, 8),
        };
        self.bits(reversed(code, length), length);
    }

    fn length(&mut self, length: usize) {
        let (index, rest, extra) = code_of(&LENGTHS, length);
        self.symbol(257 + index);
        self.bits(rest, extra);
    }

    fn distance(&mut self, distance: usize) {
        let (index, rest, extra) = code_of(&DISTANCES, distance);
        self.bits(reversed(index, 5), 5);
        self.bits(rest, extra);
    }
}

/// The last code whose base is not above `value`, what is left over, and the width of that.
fn code_of(table: &[(u16, u8)], value: usize) -> (u16, u32, u32) {
    let index = table.partition_point(|(base, _)| usize::from(*base) <= value) - 1;
    let (base, extra) = table[index];
    let narrow = "lengths and distances are at most 32768";
    let rest = u32::try_from(value - usize::from(base)).expect(narrow);
    (u16::try_from(index).expect(narrow), rest, extra.into())
}

fn reversed(code: u16, length: u32) -> u32 {
    (u32::from(code).reverse_bits()) >> (32 - length)
}

/// Finds earlier occurrences by the hash of the next three bytes.
struct Matcher<'a> {
    data: &'a [u8],
    /// Position plus one of the last occurrence of each hash; zero for none.
    heads: Vec<u32>,
    /// For each position, the position plus one of the occurrence before it.
    previous: Vec<u32>,
}

impl<'a> Matcher<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self { data, heads: vec![0; 1 << HASH_BITS], previous: vec![0; data.len()] }
    }

    fn hash(&self, position: usize) -> Option<usize> {
        let three = self.data.get(position..position + 3)?;
        let word = u32::from_le_bytes([three[0], three[1], three[2], 0]);
        usize::try_from(word.wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)).ok()
    }

    fn insert(&mut self, positions: std::ops::Range<usize>) {
        for position in positions {
            let Some(hash) = self.hash(position) else { return };
            self.previous[position] = self.heads[hash];
            self.heads[hash] = u32::try_from(position + 1).unwrap_or(0);
        }
    }

    /// The longest match among the newest `CHAIN` candidates, of equal ones the nearest. What is found
    /// is part of the format; only the way there may be made shorter.
    fn longest(&self, position: usize) -> Option<(usize, usize)> {
        let most = LONGEST_MATCH.min(self.data.len() - position);
        let mut candidate = self.heads[self.hash(position)?] as usize;
        let mut best = None;
        let mut best_length = SHORTEST_MATCH - 1;
        for _ in 0..CHAIN {
            let Some(start) = candidate.checked_sub(1).filter(|start| position - start <= WINDOW) else { break };
            // A longer match agrees in the byte behind the best one.
            if self.data[start + best_length] == self.data[position + best_length] {
                let length = self.common(start, position, most);
                if length > best_length {
                    best_length = length;
                    best = Some((length, position - start));
                }
                if best_length == most {
                    break;
                }
            }
            candidate = self.previous[start] as usize;
        }
        best
    }

    fn common(&self, start: usize, position: usize, most: usize) -> usize {
        let (behind, ahead) = (&self.data[start..start + most], &self.data[position..position + most]);
        let mut length = 0;
        while length + 8 <= most && behind[length..length + 8] == ahead[length..length + 8] {
            length += 8;
        }
        length + behind[length..].iter().zip(&ahead[length..]).take_while(|(left, right)| left == right).count()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    fn round_trip(data: &[u8]) -> Vec<u8> {
        let mut writer = BitWriter::default();
        writer.fixed_block(data, Block::Inner);
        writer.align_with_empty_block();
        writer.fixed_block(data, Block::Final);
        writer.align();
        let mut out = Vec::new();
        flate2::read::DeflateDecoder::new(&writer.take()[..]).read_to_end(&mut out).unwrap();
        out
    }

    proptest! {
        #[test]
        fn other_readers_read_what_was_written(data in prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..5000)) {
            prop_assert_eq!(round_trip(&data), [&data[..], &data[..]].concat());
        }
    }

    #[test]
    fn long_and_far_matches_are_written_right() {
        let mut data = b"start of a window".repeat(10);
        data.resize(WINDOW, b'x');
        data.extend(b"start of a window".repeat(40));
        assert_eq!(round_trip(&data), data.repeat(2));
    }

    #[test]
    fn tar_padding_costs_next_to_nothing() {
        let mut writer = BitWriter::default();
        writer.fixed_block(&[0; 1024], Block::Final);
        writer.align();
        assert!(writer.take().len() < 12);
    }
}
