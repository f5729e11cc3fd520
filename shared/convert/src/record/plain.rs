//! Unwrapping: typed values as plain JSON, strings and numbers digit for digit. It walks what the scan has proven.

use crate::reason::Reason;
use crate::scan::{Attribute, Cursor, Fault, Tag, Text, write_json_number};

/// Writes `"name":value`.
pub(crate) fn write_attribute(line: &[u8], attribute: &Attribute, out: &mut Vec<u8>) {
    write_string(line, attribute.name, out);
    out.push(b':');
    let mut unwrap = Unwrap { cursor: Cursor { line, at: attribute.value.start }, out };
    unwrap.value().expect("the line was scanned");
}

/// The string as it stands in the line.
fn write_string(line: &[u8], text: Text, out: &mut Vec<u8>) {
    out.extend_from_slice(&line[text.start as usize - 1..text.end as usize + 1]);
}

struct Unwrap<'l, 'o> {
    cursor: Cursor<'l>,
    out: &'o mut Vec<u8>,
}

impl Unwrap<'_, '_> {
    fn value(&mut self) -> Result<(), Fault> {
        match self.cursor.open_value()? {
            Tag::S | Tag::B => self.string()?,
            Tag::N => self.number()?,
            Tag::Bool => self.bool(),
            Tag::Null => {
                self.cursor.bool();
                self.out.extend_from_slice(b"null");
            }
            Tag::Ss | Tag::Bs => self.array(Self::string)?,
            Tag::Ns => self.array(Self::number)?,
            Tag::L => self.array(Self::value)?,
            Tag::M => self.object()?,
        }
        self.cursor.close_value()
    }

    fn string(&mut self) -> Result<(), Fault> {
        let text = self.cursor.text(Reason::StringExpected)?;
        write_string(self.cursor.line, text, self.out);
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        let text = self.cursor.text(Reason::StringExpected)?;
        match text.is_escaped() {
            false => write_json_number(text.raw(self.cursor.line), self.out),
            true => write_json_number(text.decoded(self.cursor.line, &mut Vec::new()), self.out),
        }
        Ok(())
    }

    fn bool(&mut self) {
        let value = self.cursor.bool().expect("the line was scanned");
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    fn array(&mut self, element: fn(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        self.cursor.expect(b'[')?;
        self.out.push(b'[');
        if !self.cursor.take(b']') {
            loop {
                self.cursor.skip_space();
                element(self)?;
                if !self.cursor.more(b']')? {
                    break;
                }
                self.out.push(b',');
            }
        }
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self) -> Result<(), Fault> {
        self.cursor.expect(b'{')?;
        self.out.push(b'{');
        if !self.cursor.take(b'}') {
            loop {
                let name = self.cursor.name()?;
                write_string(self.cursor.line, name, self.out);
                self.out.push(b':');
                self.cursor.skip_space();
                self.value()?;
                if !self.cursor.more(b'}')? {
                    break;
                }
                self.out.push(b',');
            }
        }
        self.out.push(b'}');
        Ok(())
    }
}
