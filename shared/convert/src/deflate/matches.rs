//! The search for matches: the block as tokens. Greedy, with one candidate for each place: the last place where the same
//! bytes began.

use super::symbols::{self, DISTANCE_MAX, DISTANCES, KINDS, LENGTH_MAX};

/// Bytes that are compared at once, and the shortest match: what repeats in records is longer, and the shorter ones cost a
/// branch foretold wrongly each. On prose without such repetition 16 % are lost against libdeflate's level 1.
const WORD: usize = 8;

/// 128 KiB of places: more find nothing more in 32 KiB, fewer forget too much.
const HASH_BITS: u32 = 15;

/// So many bytes behind a match every place is looked up, then every second, then every eighth: what has gone on for so
/// long without a match is an identifier or a digest, and will go on.
const EVERY_PLACE: usize = WORD;
const EVERY_SECOND: usize = 64;

/// What a block of deflate is made of, and how often each kind of token and distance occurs.
pub(super) struct Tokens {
    tokens: Box<[u32; Tokens::CAPACITY]>,
    used: usize,
    kinds: Box<[u32; KINDS]>,
    distances: [u32; DISTANCES],
}

impl Tokens {
    /// Tokens that share their codes.
    pub(super) const CAPACITY: usize = 64 << 10;

    pub(super) fn new() -> Tokens {
        Tokens {
            tokens: vec![0; Tokens::CAPACITY].into_boxed_slice().try_into().expect("as long as that"),
            used: 0,
            kinds: Box::new([0; KINDS]),
            distances: [0; DISTANCES],
        }
    }

    pub(super) fn as_slice(&self) -> &[u32] {
        &self.tokens[..self.used]
    }

    pub(super) fn kinds(&self) -> &[u32; KINDS] {
        &self.kinds
    }

    pub(super) fn distances(&self) -> &[u32; DISTANCES] {
        &self.distances
    }

    fn clear(&mut self) {
        self.used = 0;
        self.kinds.fill(0);
        self.distances.fill(0);
    }

    #[inline(always)]
    fn push(&mut self, token: u32) {
        debug_assert!(self.used < Tokens::CAPACITY);
        self.tokens[self.used % Tokens::CAPACITY] = token;
        self.used += 1;
        self.kinds[symbols::kind_of(token)] += 1;
    }

    #[inline(always)]
    fn push_match(&mut self, length: usize, distance: usize) {
        let token = symbols::matching(length, distance);
        self.push(token);
        self.distances[symbols::distance_of(token)] += 1;
    }

    #[inline(always)]
    fn left(&self) -> usize {
        Tokens::CAPACITY - self.used
    }
}

/// Remembers where bytes were last seen.
pub(super) struct Finder {
    /// By hash of what begins there; places of former blocks are out of reach by their number.
    places: Box<[u32; 1 << HASH_BITS]>,
    /// The number of the block's first place.
    base: u32,
    /// The number of the place behind the block's last.
    next: u32,
}

impl Finder {
    pub(super) fn new() -> Finder {
        let places = vec![0; 1 << HASH_BITS].into_boxed_slice().try_into().expect("as long as that");
        Finder { places, base: 0, next: 1 }
    }

    /// Forgets all blocks before, for one of this length.
    pub(super) fn begin(&mut self, block_bytes: usize) {
        let room = u32::try_from(block_bytes + DISTANCE_MAX).expect("blocks are far below 4 GiB");
        if self.next.checked_add(room).is_none() {
            self.places.fill(0);
            self.next = 1;
        }
        self.base = self.next + DISTANCE_MAX as u32;
        self.next += room;
    }

    /// As after nearly 4 GiB of blocks.
    #[cfg(test)]
    pub(super) fn exhaust(&mut self) {
        self.next = u32::MAX - 300_000;
    }

    /// The block's tokens from `start` until there is no more room for them; gives where that is.
    pub(super) fn tokens(&mut self, block: &[u8], start: usize, tokens: &mut Tokens) -> usize {
        tokens.clear();
        let mut at = start;
        let mut matched = at;
        while tokens.left() > WORD {
            let Some(word) = word_at(block, at) else { break };
            let (distance, candidate) = self.candidate(block, at, word);
            if distance > 0 && word == candidate {
                let length = match_length(block, at, distance);
                tokens.push_match(length, distance);
                // One place inside the match is enough to find its end again; more cost more than they save.
                self.note(block, at + 1);
                at += length;
                matched = at;
                continue;
            }
            tokens.push(symbols::literal(word as u8));
            at += 1;
            if at > matched + EVERY_PLACE {
                let step = if at > matched + EVERY_SECOND { WORD } else { 2 };
                for byte in &word.to_le_bytes()[1..step] {
                    tokens.push(symbols::literal(*byte));
                }
                at += step - 1;
            }
        }
        let rest = &block[at..];
        let end = at + if rest.len() < WORD { rest.len().min(tokens.left()) } else { 0 };
        for byte in &block[at..end] {
            tokens.push(symbols::literal(*byte));
        }
        end
    }

    /// How far before `at` the same bytes may have been last, and what is there; nought if nowhere in reach. Notes `at`.
    #[inline(always)]
    fn candidate(&mut self, block: &[u8], at: usize, word: u64) -> (usize, u64) {
        let place = &mut self.places[hash(word)];
        let number = self.base + at as u32;
        let distance = (number - *place) as usize;
        *place = number;
        let reach = at.min(DISTANCE_MAX);
        let distance = if distance <= reach { distance } else { 0 };
        // What is out of reach is not even read: it is not in the nearest cache.
        (distance, word_at(block, at - distance).unwrap_or_default())
    }

    #[inline(always)]
    fn note(&mut self, block: &[u8], at: usize) {
        if let Some(word) = word_at(block, at) {
            self.places[hash(word)] = self.base + at as u32;
        }
    }
}

#[inline(always)]
fn hash(word: u64) -> usize {
    (word.wrapping_mul(0x9e37_79b1_85eb_ca87) >> (64 - HASH_BITS)) as usize
}

#[inline(always)]
fn word_at(block: &[u8], at: usize) -> Option<u64> {
    block.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// How long the match is, whose first word is known to be the same.
#[inline(always)]
fn match_length(block: &[u8], at: usize, distance: usize) -> usize {
    let max = LENGTH_MAX.min(block.len() - at);
    let here = &block[at + WORD..at + max];
    let there = &block[at + WORD - distance..][..here.len()];
    let (words, rest) = here.as_chunks::<WORD>();
    let (words_there, rest_there) = there.as_chunks::<WORD>();
    let mut length = WORD;
    for (one, other) in words.iter().zip(words_there) {
        let different = u64::from_le_bytes(*one) ^ u64::from_le_bytes(*other);
        if different != 0 {
            return length + different.trailing_zeros() as usize / 8;
        }
        length += WORD;
    }
    length + rest.iter().zip(rest_there).take_while(|(one, other)| one == other).count()
}
