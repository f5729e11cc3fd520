//! The search for matches: the block as tokens. Greedy, with one candidate for each place: at a landmark the last one of its kind,
//! between two of them the last place where the same bytes began.
//!
//! ```text
//!  …4.9.7"},"expiresAt":{"N":"1801224529"},"retentionClass":{"S":"raw-400-days"},…
//!          ^ landmark: its like, and what is the same before and behind it, is one match
//!                               ^^^^ literals, or searched where it is long
//! ```
//! A landmark takes one comparison where a search would hash and look up every byte of a value to find the same.

use wide::u8x16;

use crate::block::{Block, Kind, Landmark};

use super::symbols::{self, DISTANCE_MAX, DISTANCES, KINDS, LENGTH_MAX};

/// Bytes that are compared at once, and the shortest match: what repeats in records is longer, and the shorter ones cost a
/// branch foretold wrongly each. On prose without such repetition 16 % are lost against libdeflate's level 1.
const WORD: usize = 8;

/// The shortest match that a landmark is taken for, and the shortest way between two landmarks on which it is looked around.
const LANDMARK_MIN: usize = 4;
const SEARCH_MIN: usize = 12;

/// Bytes of a match that are compared at once, and what it is like if all of them are the same.
const PIECE: usize = 16;
const ALL_SAME: u32 = 0xffff;

/// 64 KiB of places: half of them are no faster to reach, and twice as many find nothing more in 32 KiB.
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

    /// Begins anew.
    fn writer(&mut self) -> Writer<'_> {
        self.kinds.fill(0);
        self.distances.fill(0);
        Writer {
            tokens: &mut self.tokens,
            kinds: &mut self.kinds,
            distances: &mut self.distances,
            written: &mut self.used,
            used: 0,
            literals: 0,
        }
    }
}

/// Writes tokens. What changes with every token is here and not behind a pointer, so that it can stay in registers.
struct Writer<'t> {
    tokens: &'t mut [u32; Tokens::CAPACITY],
    kinds: &'t mut [u32; KINDS],
    distances: &'t mut [u32; DISTANCES],
    written: &'t mut usize,
    used: usize,
    /// Literals behind the last match.
    literals: usize,
}

impl Writer<'_> {
    #[inline(always)]
    fn push(&mut self, token: u32) {
        debug_assert!(self.used < Tokens::CAPACITY);
        self.tokens[self.used % Tokens::CAPACITY] = token;
        self.used += 1;
        self.kinds[symbols::kind_of(token)] += 1;
    }

    #[inline(always)]
    fn push_literal(&mut self, byte: u8) {
        self.push(symbols::literal(byte));
        self.literals += 1;
    }

    #[inline(always)]
    fn push_match(&mut self, length: usize, distance: usize) {
        let token = symbols::matching(length, distance);
        self.push(token);
        self.distances[symbols::distance_of(token)] += 1;
        self.literals = 0;
    }

    #[inline(always)]
    fn left(&self) -> usize {
        Tokens::CAPACITY - self.used
    }

    /// Literals without a look, as far as there is room for them; gives where that is.
    #[inline(always)]
    fn pass(&mut self, bytes: &[u8], at: usize, stop: usize) -> usize {
        let stop = stop.min(at + self.left());
        for byte in &bytes[at..stop] {
            self.push_literal(*byte);
        }
        stop
    }

    /// How many of the literals right before `at` are the same before its like.
    #[inline(always)]
    fn same_before(&self, bytes: &[u8], at: usize, distance: usize) -> usize {
        let word_before = |at: usize| bytes[..at].last_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        let (Some(here), Some(there)) = (word_before(at), word_before(at - distance)) else { return 0 };
        ((here ^ there).leading_zeros() as usize / 8).min(self.literals)
    }

    /// Forgets the literals at the end that are these bytes.
    #[inline(always)]
    fn take_back(&mut self, literals: &[u8]) {
        self.used -= literals.len();
        self.literals -= literals.len();
        for byte in literals {
            self.kinds[usize::from(*byte)] -= 1;
        }
    }

    /// Goes on with a match that was as long as one may be; gives where that ends.
    #[inline(always)]
    fn go_on(&mut self, bytes: &[u8], mut at: usize, distance: usize, mut length: usize) -> usize {
        while length == LENGTH_MAX && self.left() > WORD {
            length = match_length(bytes, at, distance, 0);
            if length < LANDMARK_MIN {
                break;
            }
            self.push_match(length, distance);
            at += length;
        }
        at
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        *self.written = self.used;
    }
}

/// Remembers where bytes were last seen, and landmarks of each kind.
pub(super) struct Finder {
    /// By hash of what begins there, the place modulo 64 KiB: what is known wrongly of a place far behind is seen when the
    /// bytes are compared.
    places: Box<[u16; 1 << HASH_BITS]>,
    /// Of each kind of landmark the last one's place, from 1; nought before there was one.
    landmarks: Box<[u32; Kind::ALL]>,
    /// The next landmark of the block.
    next: usize,
}

impl Finder {
    pub(super) fn new() -> Finder {
        Finder { places: Box::new([0; 1 << HASH_BITS]), landmarks: Box::new([0; Kind::ALL]), next: 0 }
    }

    /// Forgets all blocks before.
    pub(super) fn begin(&mut self) {
        self.places.fill(0);
        self.landmarks.fill(0);
        self.next = 0;
    }

    /// The block's tokens from `start` until there is no more room for them; gives where that is.
    pub(super) fn tokens(&mut self, block: &Block, start: usize, tokens: &mut Tokens) -> usize {
        let mut tokens = tokens.writer();
        let bytes = block.bytes.as_slice();
        let mut at = start;
        while tokens.left() > WORD && at < bytes.len() {
            at = match self.next_landmark(block, at) {
                None => self.search(bytes, at, bytes.len(), &mut tokens),
                Some(landmark) if landmark.at as usize == at => self.follow(bytes, landmark, &mut tokens),
                Some(Landmark { at: stop, kind }) if kind.follows_noise() => {
                    tokens.pass(bytes, at, stop as usize)
                }
                Some(Landmark { at: stop, .. }) => self.search(bytes, at, stop as usize, &mut tokens),
            };
        }
        at
    }

    /// The first landmark that is not before `at`; takes note of those that are.
    #[inline(always)]
    fn next_landmark(&mut self, block: &Block, at: usize) -> Option<Landmark> {
        loop {
            let landmark = *block.landmarks.get(self.next)?;
            if landmark.at as usize >= at {
                return Some(landmark);
            }
            self.next += 1;
            self.landmarks[landmark.kind.index()] = landmark.at + 1;
        }
    }

    /// Takes a landmark for what its like was, as far as that is true; gives where it ends to be.
    #[inline(always)]
    fn follow(&mut self, bytes: &[u8], landmark: Landmark, tokens: &mut Writer<'_>) -> usize {
        self.next += 1;
        let at = landmark.at as usize;
        let like = std::mem::replace(&mut self.landmarks[landmark.kind.index()], landmark.at + 1) as usize;
        let distance = at + 1 - like;
        if like == 0 || distance.wrapping_sub(1) >= DISTANCE_MAX {
            return at;
        }
        let ahead = match_length(bytes, at, distance, 0);
        let behind = if ahead < LENGTH_MAX { tokens.same_before(bytes, at, distance) } else { 0 };
        let length = (behind + ahead).min(LENGTH_MAX);
        if length < LANDMARK_MIN {
            return at;
        }
        tokens.take_back(&bytes[at - behind..at]);
        tokens.push_match(length, distance);
        tokens.go_on(bytes, at - behind + length, distance, length)
    }

    /// Looks everywhere from `at` to `stop` for matches; the last one may go beyond.
    #[inline(always)]
    fn search(&mut self, block: &[u8], mut at: usize, stop: usize, tokens: &mut Writer<'_>) -> usize {
        if stop - at < SEARCH_MIN {
            return tokens.pass(block, at, stop);
        }
        let mut matched = at;
        while tokens.left() > WORD && at < stop {
            let Some(word) = word_at(block, at) else { break };
            let (distance, candidate) = self.candidate(block, at, word);
            if distance > 0 && word == candidate {
                let length = match_length(block, at, distance, WORD);
                tokens.push_match(length, distance);
                // One place inside the match is enough to find its end again; more cost more than they save.
                self.note(block, at + 1);
                at += length;
                matched = at;
                continue;
            }
            tokens.push_literal(word as u8);
            at += 1;
            if at > matched + EVERY_PLACE {
                let step = if at > matched + EVERY_SECOND { WORD } else { 2 };
                for byte in &word.to_le_bytes()[1..step] {
                    tokens.push_literal(*byte);
                }
                at += step - 1;
            }
        }
        match block.len() - at.min(block.len()) < WORD {
            true => tokens.pass(block, at, stop.max(at)),
            false => at,
        }
    }

    /// How far before `at` the same bytes may have been last, and what is there; nought if nowhere in reach. Notes `at`.
    #[inline(always)]
    fn candidate(&mut self, block: &[u8], at: usize, word: u64) -> (usize, u64) {
        let place = &mut self.places[hash(word)];
        let distance = usize::from((at as u16).wrapping_sub(*place));
        *place = at as u16;
        let reach = at.min(DISTANCE_MAX);
        let distance = if distance <= reach { distance } else { 0 };
        // What is out of reach is not even read: it is not in the nearest cache.
        (distance, word_at(block, at - distance).unwrap_or_default())
    }

    #[inline(always)]
    fn note(&mut self, block: &[u8], at: usize) {
        if let Some(word) = word_at(block, at) {
            self.places[hash(word)] = at as u16;
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

/// How long the match is, of which the first `known` bytes are known to be the same.
#[inline(always)]
fn match_length(block: &[u8], at: usize, distance: usize, known: usize) -> usize {
    let max = LENGTH_MAX.min(block.len() - at);
    let here = &block[at + known..at + max];
    let there = &block[at + known - distance..][..here.len()];
    let mut length = known;
    let (pieces, rest) = here.as_chunks::<PIECE>();
    let (pieces_there, rest_there) = there.as_chunks::<PIECE>();
    for (one, other) in pieces.iter().zip(pieces_there) {
        let same = u8x16::new(*one).simd_eq(u8x16::new(*other)).to_bitmask();
        if same != ALL_SAME {
            return length + same.trailing_ones() as usize;
        }
        length += PIECE;
    }
    length + rest.iter().zip(rest_there).take_while(|(one, other)| one == other).count()
}
