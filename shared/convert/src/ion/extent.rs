//! How far a value reaches that goes on over several lines: strings, comments and brackets are followed, nothing else is
//! judged. Constant work and memory for every byte.

/// What a line did to the value that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It goes on in the next line.
    Open,
    /// It ended in this one, or nothing is open.
    Whole,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Extent {
    depth: u32,
    mode: Mode,
    begun: bool,
    /// Whether the end of the line was escaped.
    continued: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Mode {
    #[default]
    Plain,
    Double,
    Single,
    Long,
    Comment,
}

impl Extent {
    /// Takes the next line of a value, without its newline.
    pub(crate) fn take(&mut self, line: &[u8]) -> Progress {
        let mut at = 0;
        self.continued = false;
        while at < line.len() {
            at += match self.mode {
                Mode::Plain => match self.plain(&line[at..]) {
                    // The rest of the line is a comment.
                    None => break,
                    Some(taken) => taken,
                },
                Mode::Comment => self.until(&line[at..], b"*/"),
                Mode::Long => self.quoted(&line[at..], b"'''"),
                Mode::Double => self.quoted(&line[at..], b"\""),
                Mode::Single => self.quoted(&line[at..], b"'"),
            };
        }
        // Short strings go on behind a line's end only if it is escaped; else what they are part of is broken.
        if matches!(self.mode, Mode::Double | Mode::Single) && !self.continued {
            self.mode = Mode::Plain;
        }
        match self.mode == Mode::Plain && (self.depth == 0 || !self.begun) {
            true => Progress::Whole,
            false => Progress::Open,
        }
    }

    fn plain(&mut self, rest: &[u8]) -> Option<usize> {
        let enter = |mode, taken| (Some(mode), taken);
        let (mode, taken) = match rest {
            // It ends with the line, and a carriage return alone ends one too.
            [b'/', b'/', ..] => return memchr::memchr(b'\r', rest).map(|at| at + 1),
            [b'/', b'*', ..] => enter(Mode::Comment, 2),
            [b'\'', b'\'', b'\'', ..] => enter(Mode::Long, 3),
            [b'\'', ..] => enter(Mode::Single, 1),
            [b'"', ..] => enter(Mode::Double, 1),
            [byte, ..] => {
                self.bracket(*byte);
                (None, 1)
            }
            [] => return None,
        };
        self.mode = mode.unwrap_or(Mode::Plain);
        Some(taken)
    }

    fn bracket(&mut self, byte: u8) {
        match byte {
            b'{' | b'[' | b'(' => {
                self.depth += 1;
                self.begun = true;
            }
            b'}' | b']' | b')' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    fn until(&mut self, rest: &[u8], end: &[u8]) -> usize {
        match memchr::memmem::find(rest, end) {
            Some(at) => {
                self.mode = Mode::Plain;
                at + end.len()
            }
            None => rest.len(),
        }
    }

    fn quoted(&mut self, rest: &[u8], end: &[u8]) -> usize {
        match rest {
            [b'\\', _, ..] => 2,
            [b'\\'] => {
                self.continued = true;
                1
            }
            _ if rest.starts_with(end) => {
                self.mode = Mode::Plain;
                end.len()
            }
            _ => memchr::memchr2(b'\\', end[0], &rest[1..]).map_or(rest.len(), |at| at + 1),
        }
    }
}
