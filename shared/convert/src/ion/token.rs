//! Places in an Ion text and the small steps from there: space, comments, version markers, names.

use crate::ion::text::Quote;
use crate::reason::Reason;
use crate::scan::Fault;

const MARKER: &[u8] = b"$ion_1_0";

/// See the module.
pub(super) struct Tokens<'v> {
    pub(super) value: &'v [u8],
    pub(super) at: usize,
}

/// How a name is written.
pub(super) enum Token<'v> {
    /// As it is.
    Word(&'v [u8]),
    /// In quotes, the opening of which were taken.
    Quoted(Quote),
}

impl<'v> Tokens<'v> {
    pub(super) fn fault(&self, reason: Reason) -> Fault {
        Fault::new(reason, self.at)
    }

    #[cold]
    pub(super) fn unexpected(&self) -> Fault {
        match self.peek() {
            Some(_) => self.fault(Reason::UnexpectedByte),
            None => self.fault(Reason::UnexpectedEnd),
        }
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.value.get(self.at).copied()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.value.len()
    }

    pub(super) fn starts_with(&self, text: &[u8]) -> bool {
        self.value[self.at..].starts_with(text)
    }

    /// Goes over white space and comments.
    #[inline]
    pub(super) fn skip_space(&mut self) -> Result<(), Fault> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c) => self.at += 1,
                Some(b'/') => self.skip_comment()?,
                _ => return Ok(()),
            }
        }
    }

    #[cold]
    fn skip_comment(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let rest = &self.value[start..];
        let length = if rest.starts_with(b"//") {
            memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            match memchr::memmem::find(&rest[2..], b"*/") {
                Some(end) => end + 4,
                None => return Err(Fault::new(Reason::UnexpectedEnd, self.value.len())),
            }
        } else {
            return Err(self.fault(Reason::UnexpectedByte));
        };
        self.at = start + length;
        Ok(())
    }

    /// Goes over space, comments and version markers.
    pub(super) fn skip_markers(&mut self) -> Result<(), Fault> {
        loop {
            self.skip_space()?;
            let rest = &self.value[self.at..];
            let is_marker = rest.starts_with(MARKER)
                && !rest.get(MARKER.len()).copied().is_some_and(is_word)
                && !rest[MARKER.len()..].starts_with(b":");
            if !is_marker {
                return Ok(());
            }
            self.at += MARKER.len();
        }
    }

    #[inline]
    pub(super) fn next_byte(&mut self) -> Result<Option<u8>, Fault> {
        self.skip_space()?;
        Ok(self.peek())
    }

    /// Takes `byte` if it is next, after space.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> Result<bool, Fault> {
        let next = self.next_byte()? == Some(byte);
        self.at += usize::from(next);
        Ok(next)
    }

    /// Takes `byte`, after space; anything else is `reason`, the end excepted.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8, reason: Reason) -> Result<(), Fault> {
        match self.take(byte)? {
            true => Ok(()),
            false if self.is_at_end() => Err(self.unexpected()),
            false => Err(self.fault(reason)),
        }
    }

    /// `::`, after space.
    pub(super) fn take_double_colon(&mut self) -> Result<bool, Fault> {
        self.skip_space()?;
        let next = self.starts_with(b"::");
        self.at += if next { 2 } else { 0 };
        Ok(next)
    }

    /// Takes the opening of a string.
    pub(super) fn open_string(&mut self) -> Result<Quote, Fault> {
        if self.starts_with(b"'''") {
            self.at += 3;
            return Ok(Quote::Long);
        }
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                Ok(Quote::Double)
            }
            _ => Err(self.fault(Reason::StringExpected)),
        }
    }

    /// The name of a field, as far as it can be told where it begins.
    #[inline]
    pub(super) fn name_token(&mut self) -> Result<Token<'v>, Fault> {
        match self.peek() {
            Some(b'\'') if !self.starts_with(b"'''") => {
                self.at += 1;
                Ok(Token::Quoted(Quote::Single))
            }
            Some(b'"' | b'\'') => self.open_string().map(Token::Quoted),
            _ => {
                let start = self.at;
                let word = self.word()?;
                match word {
                    b"true" | b"false" | b"null" | b"nan" => Err(Fault::new(Reason::UnexpectedByte, start)),
                    _ => Ok(Token::Word(word)),
                }
            }
        }
    }

    /// A word where a value belongs. A symbol in quotes is none that an export has, but may be an annotation.
    pub(super) fn value_word(&mut self) -> Result<&'v [u8], Fault> {
        if self.peek() != Some(b'\'') {
            return self.word();
        }
        let start = self.at + 1;
        let end = memchr::memchr2(b'\'', b'\\', &self.value[start..]).map(|end| start + end);
        match end.map(|end| (end, self.value[end])) {
            Some((end, b'\'')) => {
                self.at = end + 1;
                Ok(&self.value[start..end])
            }
            Some(_) => Err(self.fault(Reason::UnknownType)),
            None => Err(Fault::new(Reason::UnexpectedEnd, self.value.len())),
        }
    }

    /// An identifier.
    #[inline]
    fn word(&mut self) -> Result<&'v [u8], Fault> {
        let rest = &self.value[self.at..];
        match rest.first() {
            Some(first) if is_word(*first) && !first.is_ascii_digit() => {}
            _ => return Err(self.unexpected()),
        }
        let length = rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len());
        let word = &rest[..length];
        if let [b'$', digits @ ..] = word
            && !digits.is_empty()
            && digits.iter().all(u8::is_ascii_digit)
        {
            return Err(self.fault(Reason::SymbolTable));
        }
        self.at += length;
        Ok(word)
    }

    /// The type behind a `null.`.
    pub(super) fn skip_null_type(&mut self) -> Result<(), Fault> {
        self.at += 1;
        let start = self.at;
        match self.word()? {
            b"null" | b"bool" | b"int" | b"float" | b"decimal" | b"timestamp" | b"string" | b"symbol"
            | b"blob" | b"clob" | b"struct" | b"list" | b"sexp" => Ok(()),
            _ => Err(Fault::new(Reason::UnexpectedByte, start)),
        }
    }
}

#[inline]
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$'
}
