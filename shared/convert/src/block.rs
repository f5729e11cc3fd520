//! Blocks: what is compressed at once, and where in it things stand that stand in every record.
//!
//! A compressor of text has to search for what repeats. Ours is told: the scan knows every attribute's name, and the renderer
//! what it writes around an item, so that each can be looked for where its like was written last. See `deflate/matches.rs`.

use std::ops::Range;

/// A place in a block whose like has most likely the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Landmark {
    pub(crate) at: u32,
    pub(crate) kind: Kind,
}

/// What landmarks have in common that are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind(u16);

impl Kind {
    /// More than there are: a power of two, so that an index needs no check.
    pub(crate) const ALL: usize = 512;

    /// What begins a record.
    pub(crate) const RECORD: Kind = Kind(256);
    /// What follows an event id, which is like nothing before it.
    pub(crate) const BEHIND_ID: Kind = Kind(257);
    /// What comes before the keys.
    pub(crate) const BEFORE_KEYS: Kind = Kind(258);
    /// What follows the keys.
    pub(crate) const BEHIND_KEYS: Kind = Kind(259);
    /// What follows the images.
    pub(crate) const BEHIND_IMAGES: Kind = Kind(260);
    /// What follows the size.
    pub(crate) const BEHIND_SIZE: Kind = Kind(261);

    /// An attribute's name, by its number in the scan's book.
    #[inline(always)]
    pub(crate) fn of_name(number: u8) -> Kind {
        Kind(u16::from(number))
    }

    /// Below [`Kind::ALL`].
    #[inline(always)]
    pub(crate) fn index(self) -> usize {
        usize::from(self.0) % Kind::ALL
    }

    /// Whether nothing that stands between the landmark before and this one is worth looking for.
    #[inline(always)]
    pub(crate) fn follows_noise(self) -> bool {
        self == Kind::BEHIND_ID
    }
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) bytes: Vec<u8>,
    /// In ascending order; of formats that are not rendered from an item's own text there are none.
    pub(crate) landmarks: Vec<Landmark>,
}

impl Block {
    pub(crate) fn with_capacity(bytes: usize) -> Block {
        Block { bytes: Vec::with_capacity(bytes), landmarks: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.landmarks.clear();
    }

    /// Notes that what is appended next is a landmark.
    #[inline(always)]
    pub(crate) fn mark(&mut self, kind: Kind) {
        self.landmarks.push(Landmark { at: self.bytes.len() as u32, kind });
    }

    /// Appends `line[part]` with its landmarks, which are among those of the line.
    pub(crate) fn append_part(&mut self, line: &[u8], landmarks: &[Landmark], part: Range<usize>) {
        let base = self.bytes.len() as u32;
        let within = |landmark: &&Landmark| part.contains(&(landmark.at as usize));
        let moved =
            |landmark: &Landmark| Landmark { at: landmark.at - part.start as u32 + base, ..*landmark };
        self.landmarks.extend(landmarks.iter().filter(within).map(moved));
        self.bytes.extend_from_slice(&line[part.clone()]);
    }

    /// Appends all of another block.
    pub(crate) fn append(&mut self, other: &Block) {
        let base = self.bytes.len() as u32;
        self.landmarks
            .extend(other.landmarks.iter().map(|landmark| Landmark { at: landmark.at + base, ..*landmark }));
        self.bytes.extend_from_slice(&other.bytes);
    }

    /// Takes away everything from `at` on.
    pub(crate) fn split_off(&mut self, at: usize) -> Block {
        let first = self.landmarks.partition_point(|landmark| (landmark.at as usize) < at);
        let mut landmarks = self.landmarks.split_off(first);
        landmarks.iter_mut().for_each(|landmark| landmark.at -= at as u32);
        Block { bytes: self.bytes.split_off(at), landmarks }
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        drop(self.split_off(length));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn landmarks_go_where_their_bytes_go() {
        let line = br#"{"Item":{"a":1,"b":2}}"#;
        let seen = [(9, 1), (15, 2)].map(|(at, number)| Landmark { at, kind: Kind::of_name(number) });
        let mut block = Block::default();
        block.bytes.extend_from_slice(b"before ");
        block.append_part(line, &seen, 8..21);
        let behind = block.split_off(10);
        assert_eq!(block.bytes, br#"before {"a"#);
        assert_eq!(block.landmarks, [Landmark { at: 8, kind: Kind::of_name(1) }]);
        assert_eq!(behind.landmarks, [Landmark { at: 4, kind: Kind::of_name(2) }]);
        assert_eq!(behind.bytes[4..], *br#""b":2}"#);
        block.append(&behind);
        assert_eq!(block.landmarks[1], Landmark { at: 14, kind: Kind::of_name(2) });
        assert_eq!(block.bytes, br#"before {"a":1,"b":2}"#);
    }

    #[test]
    fn of_part_of_a_line_only_the_landmarks_inside_are_taken() {
        let seen = [Landmark { at: 2, kind: Kind::RECORD }, Landmark { at: 9, kind: Kind::RECORD }];
        let mut block = Block::default();
        block.append_part(b"0123456789", &seen, 4..9);
        assert_eq!(block.landmarks, []);
    }
}
