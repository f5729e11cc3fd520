//! The answer of a Scan call: where its items are, and what it says of itself. It is cut by its brackets alone; whether
//! the items are items is for the scan to say.

use std::ops::Range;

use wide::u8x16;

/// Where the parts of an answer are; what is absent or null is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// `Items`, brackets included.
    pub items: Option<Range<usize>>,
    /// `LastEvaluatedKey`, braces included; an empty one counts as absent.
    pub last_evaluated_key: Option<Range<usize>>,
    /// `ConsumedCapacity`, braces included.
    pub consumed_capacity: Option<Range<usize>>,
    /// `ScannedCount`, the number as it stands there.
    pub scanned_count: Option<Range<usize>>,
}

/// An answer that is no JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is no JSON object: byte {offset} of {bytes} is not what it should be")]
pub struct AnswerError {
    /// Where that was noticed.
    pub offset: usize,
    /// Length of the answer.
    pub bytes: usize,
}

impl Answer {
    /// Cuts an answer, as DynamoDB writes it or with space between its tokens.
    ///
    /// # Errors
    /// It is not one whole object.
    pub fn cut(body: &[u8]) -> Result<Answer, AnswerError> {
        let mut cutter = Cutter { body, at: 0 };
        cutter.object().ok_or(AnswerError { offset: cutter.at.min(body.len()), bytes: body.len() })
    }
}

struct Cutter<'b> {
    body: &'b [u8],
    at: usize,
}

impl Cutter<'_> {
    fn object(&mut self) -> Option<Answer> {
        let mut answer = Answer::default();
        self.take(b'{')?;
        let mut ended = self.next()? == b'}';
        while !ended {
            let name = self.value()?;
            self.take(b':')?;
            let value = self.value()?;
            self.keep(&mut answer, name, value);
            match self.next()? {
                b',' => self.at += 1,
                b'}' => ended = true,
                _ => return None,
            }
        }
        self.take(b'}')?;
        self.skip_space();
        (self.at == self.body.len()).then_some(answer)
    }

    fn keep(&self, answer: &mut Answer, name: Range<usize>, value: Range<usize>) {
        let (text, first) = (&self.body[value.clone()], self.body[value.start]);
        match &self.body[name] {
            br#""Items""# if first == b'[' => answer.items = Some(value),
            br#""LastEvaluatedKey""# if first == b'{' && text.contains(&b'"') => {
                answer.last_evaluated_key = Some(value);
            }
            br#""ConsumedCapacity""# if first == b'{' => answer.consumed_capacity = Some(value),
            br#""ScannedCount""# => answer.scanned_count = Some(value),
            _ => {}
        }
    }

    /// The next value of any kind, brackets and quotes included.
    fn value(&mut self) -> Option<Range<usize>> {
        let first = self.next()?;
        let start = self.at;
        match first {
            b'"' => self.string()?,
            b'{' | b'[' => self.nested()?,
            b'}' | b']' | b',' | b':' => return None,
            _ => {
                let end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
                self.at += self.body[start..].iter().position(end)?;
            }
        }
        Some(start..self.at)
    }

    /// Past the string that begins here.
    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            self.at += memchr::memchr2(b'"', b'\\', self.body.get(self.at..)?)?;
            match self.body[self.at] {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                _ => self.at += 2,
            }
        }
    }

    /// Past the object or array that begins here.
    fn nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            self.at = self.bracket_or_quote()?;
            match self.body[self.at] {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                _ => depth = depth.checked_sub(1)?,
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// The first bracket, brace or quote from here.
    #[inline]
    fn bracket_or_quote(&self) -> Option<usize> {
        let mut at = self.at;
        while let Some(bytes) = self.body.get(at..)?.first_chunk::<16>() {
            let bytes = u8x16::new(*bytes);
            let quote = bytes.simd_eq(u8x16::splat(b'"'));
            // `[` and `{`, `]` and `}` differ by one bit each.
            let folded = bytes | u8x16::splat(0x20);
            let open = folded.simd_eq(u8x16::splat(b'{'));
            let close = folded.simd_eq(u8x16::splat(b'}'));
            let found = (quote | open | close).to_bitmask();
            if found != 0 {
                return Some(at + found.trailing_zeros() as usize);
            }
            at += 16;
        }
        let rest =
            self.body[at..].iter().position(|byte| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']'))?;
        Some(at + rest)
    }

    /// The next byte that is no space, which stays where it is.
    fn next(&mut self) -> Option<u8> {
        self.skip_space();
        self.body.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then(|| self.at += 1)
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.body.get(self.at) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests;
