//! Decisions drawn from an input: its first bytes, so that a mutation of one of them changes one thing.

/// An input on its way to be taken apart.
pub(crate) struct Drawn<'d> {
    rest: &'d [u8],
}

impl<'d> Drawn<'d> {
    pub(crate) fn new(data: &'d [u8]) -> Self {
        Self { rest: data }
    }

    /// The next byte; 0 when there is none.
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    pub(crate) fn pair(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// Everything that no decision was drawn from.
    pub(crate) fn rest(self) -> &'d [u8] {
        self.rest
    }

    pub(crate) fn is_over(&self) -> bool {
        self.rest.is_empty()
    }
}

/// `content` in pieces whose lengths follow from `seed`.
pub(crate) fn pieces(content: &[u8], seed: u8) -> Vec<&[u8]> {
    let least = 1 + content.len() / 1000;
    let longest = least << (seed % 8);
    let mut state = u64::from(seed);
    let mut pieces = Vec::new();
    let mut rest = content;
    while !rest.is_empty() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let length = least + (state >> 33) as usize % longest;
        let (piece, after) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}
