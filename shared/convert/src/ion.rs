//! Ion: a value of an Ion export, rewritten as the line that the JSON export of the same item holds. Everything behind it
//! (the scan, the records) then knows one notation only, and gives the same bytes for both.
//!
//! ```text
//!  $ion_1_0 {Item:{n:2d3,tags:$dynamodb_SS::["a"]}}  ->  {"Item":{"n":{"N":"2000"},"tags":{"SS":["a"]}}}
//! ```
//! Ion text 1.0 as the export uses it (DynamoDB developer guide, "Amazon Ion"), in any legal spelling: version markers,
//! comments, quoted names, long strings, numbers of every form. What the export has no use for is refused: symbol tables,
//! symbols, timestamps, clobs, s-expressions.

mod extent;
mod number;
mod text;
mod token;
mod values;

use extent::{Extent, Progress};
pub(crate) use values::{Joined, Taken, Values};

use crate::limits::{DEPTH_MAX, LINE_BYTES_MAX};
use crate::reason::Reason;
use crate::scan::{Fault, check_utf8};
use text::Quote;
use token::{Token, Tokens};

const WRAPPER: &[u8] = b"\"Record\"";

/// Rewrites value after value, keeping its memory.
#[derive(Default)]
struct Transcoder {
    json: Vec<u8>,
}

impl Transcoder {
    /// The line for `value`, one top-level value with whatever version markers and comments are around it; `None` if there
    /// is nothing but those.
    fn transcode(&mut self, value: &[u8]) -> Result<Option<&[u8]>, Fault> {
        check_utf8(value)?;
        self.json.clear();
        let mut walk = Walk::new(value, &mut self.json);
        let found = walk.top()?;
        Ok(found.then_some(self.json.as_slice()))
    }

    /// What the last value became.
    fn json(&self) -> &[u8] {
        &self.json
    }

    /// Byte of `value` where the token begins that byte `column` of its line was made from.
    #[cold]
    fn origin(&mut self, value: &[u8], column: usize) -> usize {
        self.json.clear();
        let mut walk = Walk { watched: column, ..Walk::new(value, &mut self.json) };
        // What was found in the line was found in a value that could be rewritten up to there.
        let _ = walk.top();
        walk.origin
    }
}

/// The type of a set's members.
#[derive(Clone, Copy)]
enum Member {
    Text,
    Number,
    Binary,
}

struct Walk<'v> {
    tokens: Tokens<'v>,
    json: &'v mut Vec<u8>,
    watched: usize,
    origin: usize,
}

impl<'v> Walk<'v> {
    fn new(value: &'v [u8], json: &'v mut Vec<u8>) -> Walk<'v> {
        Walk { tokens: Tokens { value, at: 0 }, json, watched: 0, origin: 0 }
    }

    /// A token begins here.
    #[inline]
    fn mark(&mut self) {
        if self.json.len() <= self.watched {
            self.origin = self.tokens.at;
        }
    }

    fn write(&mut self, json: &[u8]) {
        self.json.extend_from_slice(json);
    }

    fn top(&mut self) -> Result<bool, Fault> {
        self.tokens.skip_markers()?;
        if self.tokens.is_at_end() {
            return Ok(false);
        }
        if self.tokens.peek() != Some(b'{') {
            return Err(self.no_struct());
        }
        self.fields(true)?;
        self.tokens.skip_markers()?;
        match self.tokens.is_at_end() {
            true => Ok(true),
            false => Err(self.tokens.fault(Reason::TrailingBytes)),
        }
    }

    /// What stands where the value's struct belongs.
    #[cold]
    fn no_struct(&mut self) -> Fault {
        let rest = &self.tokens.value[self.tokens.at..];
        match rest.starts_with(b"$ion_symbol_table") {
            true => self.tokens.fault(Reason::SymbolTable),
            false => self.tokens.fault(Reason::ObjectExpected),
        }
    }

    /// The fields around the images: `Item`, or those of a change; the wrapper of a change is left away.
    fn fields(&mut self, may_wrap: bool) -> Result<(), Fault> {
        self.tokens.expect(b'{', Reason::ObjectExpected)?;
        let start = self.json.len();
        self.json.push(b'{');
        while !self.tokens.take(b'}')? {
            self.separate(start)?;
            let name_start = self.json.len();
            self.name()?;
            if may_wrap && self.json[name_start..] == *WRAPPER {
                self.json.truncate(start);
                self.fields(false)?;
                self.tokens.take(b',')?;
                return self.tokens.expect(b'}', Reason::UnexpectedByte);
            }
            self.json.push(b':');
            self.attributes(0)?;
            self.more(b'}')?;
        }
        self.json.push(b'}');
        Ok(())
    }

    /// A struct of attributes, `depth` levels inside its attribute.
    fn attributes(&mut self, depth: u32) -> Result<(), Fault> {
        self.tokens.expect(b'{', Reason::ObjectExpected)?;
        let start = self.json.len();
        self.json.push(b'{');
        while !self.tokens.take(b'}')? {
            self.separate(start)?;
            self.name()?;
            self.json.push(b':');
            self.value(depth)?;
            self.more(b'}')?;
        }
        self.json.push(b'}');
        Ok(())
    }

    /// The comma before all but the first of what began at `start`.
    fn separate(&mut self, start: usize) -> Result<(), Fault> {
        if self.json.len() > start + 1 {
            self.json.push(b',');
        }
        Ok(())
    }

    /// Behind an element: a comma, or its container's end, which stays where it is. Ion allows a comma before the end.
    #[inline]
    fn more(&mut self, end: u8) -> Result<(), Fault> {
        match self.tokens.next_byte()? {
            Some(b',') => {
                self.tokens.at += 1;
                Ok(())
            }
            Some(byte) if byte == end => Ok(()),
            _ => Err(self.tokens.unexpected()),
        }
    }

    /// A field's name and its colon; writes the name as a JSON string.
    fn name(&mut self) -> Result<(), Fault> {
        self.tokens.skip_space()?;
        self.mark();
        match self.tokens.name_token()? {
            Token::Word(word) => {
                self.json.push(b'"');
                self.write(word);
                self.json.push(b'"');
            }
            Token::Quoted(quote) => self.text(quote)?,
        }
        self.tokens.expect(b':', Reason::UnexpectedByte)
    }

    fn text(&mut self, quote: Quote) -> Result<(), Fault> {
        self.json.push(b'"');
        text::write(&mut self.tokens, quote, self.json)?;
        self.json.push(b'"');
        Ok(())
    }

    /// A value with its type.
    fn value(&mut self, depth: u32) -> Result<(), Fault> {
        self.tokens.skip_space()?;
        self.mark();
        // A few bytes of Ion may be hundreds of JSON: what is no line must not fill the memory.
        if self.json.len() > LINE_BYTES_MAX {
            return Err(self.tokens.fault(Reason::LineTooLong));
        }
        match self.tokens.peek() {
            Some(b'"') => self.typed(b"{\"S\":", |walk| walk.string()),
            Some(b'0'..=b'9' | b'-') => self.typed(b"{\"N\":", |walk| walk.number()),
            Some(b'{') if self.tokens.starts_with(b"{{") => self.typed(b"{\"B\":", |walk| walk.blob()),
            Some(b'{') => self.nested(depth, b"{\"M\":", |walk| walk.attributes(depth + 1)),
            Some(b'[') => self.nested(depth, b"{\"L\":", |walk| walk.list(depth + 1)),
            Some(b'\'') if self.tokens.starts_with(b"'''") => self.typed(b"{\"S\":", |walk| walk.string()),
            _ => self.word(),
        }
    }

    fn typed(
        &mut self,
        open: &[u8],
        write: impl FnOnce(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.write(open);
        write(self)?;
        self.json.push(b'}');
        Ok(())
    }

    fn nested(
        &mut self,
        depth: u32,
        open: &[u8],
        write: impl FnOnce(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        match depth < DEPTH_MAX {
            true => self.typed(open, write),
            false => Err(self.tokens.fault(Reason::TooDeep)),
        }
    }

    fn string(&mut self) -> Result<(), Fault> {
        let quote = self.tokens.open_string()?;
        self.text(quote)
    }

    fn number(&mut self) -> Result<(), Fault> {
        self.json.push(b'"');
        number::write(&mut self.tokens, self.json)?;
        self.json.push(b'"');
        Ok(())
    }

    /// `{{base64}}`, with space wherever somebody put it.
    fn blob(&mut self) -> Result<(), Fault> {
        self.tokens.at += 2;
        self.json.push(b'"');
        loop {
            let at = self.tokens.at;
            match self.tokens.peek() {
                Some(byte) if byte.is_ascii_alphanumeric() || b"+/=".contains(&byte) => self.json.push(byte),
                Some(b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c) => {}
                Some(b'}') => break,
                Some(b'"' | b'\'') => return Err(Fault::new(Reason::UnknownType, at)),
                Some(_) => return Err(Fault::new(Reason::InvalidBase64, at)),
                None => return Err(self.tokens.unexpected()),
            }
            self.tokens.at += 1;
        }
        self.json.push(b'"');
        self.tokens.at += 1;
        match self.tokens.peek() {
            Some(b'}') => {
                self.tokens.at += 1;
                Ok(())
            }
            _ => Err(self.tokens.unexpected()),
        }
    }

    fn list(&mut self, depth: u32) -> Result<(), Fault> {
        self.elements(|walk| walk.value(depth))
    }

    /// What `element` writes of each, in brackets.
    fn elements(&mut self, mut element: impl FnMut(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        self.tokens.expect(b'[', Reason::ArrayExpected)?;
        let start = self.json.len();
        self.json.push(b'[');
        while !self.tokens.take(b']')? {
            self.separate(start)?;
            element(self)?;
            self.more(b']')?;
        }
        self.json.push(b']');
        Ok(())
    }

    /// `true`, `null`, or the annotation of a set.
    fn word(&mut self) -> Result<(), Fault> {
        let start = self.tokens.at;
        let word = self.tokens.value_word()?;
        if word == b"null" && self.tokens.peek() == Some(b'.') {
            self.tokens.skip_null_type()?;
        } else if self.tokens.take_double_colon()? {
            return self.set(word, start);
        }
        let json: &[u8] = match word {
            b"true" => b"{\"BOOL\":true}",
            b"false" => b"{\"BOOL\":false}",
            b"null" => b"{\"NULL\":true}",
            b"nan" => return Err(Fault::new(Reason::InvalidNumber, start)),
            // What it annotates may stand on the next line.
            _ if self.tokens.is_at_end() => return Err(self.tokens.unexpected()),
            _ => return Err(Fault::new(Reason::UnknownType, start)),
        };
        self.write(json);
        Ok(())
    }

    fn set(&mut self, annotation: &[u8], start: usize) -> Result<(), Fault> {
        let (open, member): (&[u8], _) = match annotation {
            b"$dynamodb_SS" => (b"{\"SS\":", Member::Text),
            b"$dynamodb_NS" => (b"{\"NS\":", Member::Number),
            b"$dynamodb_BS" => (b"{\"BS\":", Member::Binary),
            b"$ion_symbol_table" => return Err(Fault::new(Reason::SymbolTable, start)),
            _ => return Err(Fault::new(Reason::UnknownType, start)),
        };
        self.typed(open, |walk| walk.elements(|walk| walk.member(member)))
    }

    fn member(&mut self, member: Member) -> Result<(), Fault> {
        self.tokens.skip_space()?;
        self.mark();
        if self.json.len() > LINE_BYTES_MAX {
            return Err(self.tokens.fault(Reason::LineTooLong));
        }
        match (member, self.tokens.peek()) {
            (Member::Text, Some(b'"' | b'\'')) => self.string(),
            (Member::Number, Some(b'0'..=b'9' | b'-')) => self.number(),
            (Member::Binary, Some(b'{')) if self.tokens.starts_with(b"{{") => self.blob(),
            (_, None) => Err(self.tokens.unexpected()),
            (Member::Text, _) => Err(self.tokens.fault(Reason::StringExpected)),
            (Member::Number, _) => Err(self.tokens.fault(Reason::InvalidNumber)),
            (Member::Binary, _) => Err(self.tokens.fault(Reason::InvalidBase64)),
        }
    }
}

#[cfg(test)]
mod tests;
