//! Generated items, written as Ion in randomly chosen legal spellings: each gives exactly the line of JSON that says the
//! same.

use std::fmt::Write as _;

use super::transcode;

/// SplitMix64: the same seed, the same item.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % end as u64) as usize
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn one_in(&mut self, end: usize) -> bool {
        self.below(end) == 0
    }
}

/// The same value twice.
#[derive(Default)]
pub(super) struct Pair {
    pub(super) ion: String,
    pub(super) json: String,
}

pub(super) fn line(random: &mut Random) -> Pair {
    let mut writer = Writer { random, pair: Pair::default(), depth: 0, kinds: KINDS_OF_LINES };
    writer.line();
    writer.pair
}

/// An item with a key that is its own, and four attributes of any type.
pub(super) fn keyed_line(random: &mut Random, key: u64) -> Pair {
    let mut writer = Writer { random, pair: Pair::default(), depth: 0, kinds: KINDS };
    writer.pair.ion = format!("$ion_1_0 {{Item:{{pk:\"{key}\"");
    writer.pair.json = format!(r#"{{"Item":{{"pk":{{"S":"{key}"}}"#);
    for name in ["first", "second", "third", "fourth"] {
        write!(writer.pair.ion, ",{name}:").unwrap();
        write!(writer.pair.json, ",\"{name}\":").unwrap();
        writer.value();
    }
    writer.both("}}");
    writer.pair
}

/// Of values: all that there are.
const KINDS: usize = 11;
/// All but binary sets, in whose base64 the other reader differs from Ion.
const KINDS_OF_LINES: usize = KINDS - 1;

struct Writer<'r> {
    random: &'r mut Random,
    pair: Pair,
    depth: usize,
    kinds: usize,
}

const TEXTS: [&str; 16] = [
    "",
    "a",
    "plain text",
    "quote \" quote",
    "back\\slash",
    "it's",
    "tab\t",
    "line\nline",
    "\r",
    "\0\u{1}\u{1f}",
    "\u{8}\u{c}\u{b}\u{7}",
    "ünï\u{1F600}",
    "{a:1}",
    "'''",
    "$ion_1_0",
    "//no comment /* */",
];
const NAMES: [&str; 14] = [
    "a",
    "B_9",
    "$x",
    "null",
    "true",
    "nan",
    "with space",
    "a.b",
    "it's",
    "q\"q",
    "new\nline",
    "$ion_1_0",
    "Item",
    "ключ",
];

impl Writer<'_> {
    fn both(&mut self, text: &str) {
        self.pair.ion.push_str(text);
        self.pair.json.push_str(text);
    }

    fn space(&mut self) {
        let space = self.random.pick(&["", "", "", "", "", " ", "  ", "\t", "\n", " /* ' */", " // \"\n"]);
        self.pair.ion.push_str(space);
    }

    fn line(&mut self) {
        let before =
            self.random.pick(&["$ion_1_0 ", "$ion_1_0 ", " $ion_1_0 ", "", "$ion_1_0 $ion_1_0\t", "/**/"]);
        self.pair.ion.push_str(before);
        self.pair.ion.push_str("{Item:");
        self.pair.json.push_str("{\"Item\":");
        self.map();
        self.space();
        self.both("}");
    }

    fn map(&mut self) {
        self.space();
        self.both("{");
        let start = self.random.below(NAMES.len());
        let count = self.random.below(if self.depth == 0 { 8 } else { 4 });
        for n in 0..count {
            if n > 0 {
                self.both(",");
            }
            self.space();
            self.name(NAMES[(start + n) % NAMES.len()]);
            self.space();
            self.both(":");
            self.value();
            self.space();
        }
        self.trailing_comma(count);
        self.both("}");
    }

    fn trailing_comma(&mut self, count: usize) {
        if count > 0 && self.random.one_in(8) {
            self.pair.ion.push(',');
        }
    }

    fn name(&mut self, name: &str) {
        let keyword = ["null", "true", "false", "nan"].contains(&name);
        let plain =
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_$".contains(&byte)) && !keyword;
        match self.random.below(3) {
            0 if plain => self.pair.ion.push_str(name),
            1 => self.quoted(name, "\""),
            _ => self.quoted(name, "'"),
        }
        json_string(name, &mut self.pair.json);
    }

    fn value(&mut self) {
        self.space();
        self.depth += 1;
        match self.random.below(if self.depth > 4 { 6 } else { self.kinds }) {
            0 | 1 => self.typed("S", "", Self::text),
            2 => self.typed("N", "", Self::number),
            3 => self.typed("B", "", Self::blob),
            4 => {
                let value = self.random.pick(&["true", "false"]);
                self.pair.ion.push_str(value);
                write!(self.pair.json, "{{\"BOOL\":{value}}}").unwrap();
            }
            5 => {
                let value = self.random.pick(&["null", "null.null", "null.struct"]);
                self.pair.ion.push_str(value);
                self.pair.json.push_str("{\"NULL\":true}");
            }
            6 => self.typed("SS", "$dynamodb_SS::", |writer| writer.list(1, Self::text)),
            7 => self.typed("NS", "$dynamodb_NS::", |writer| writer.list(1, Self::number)),
            8 => self.typed("L", "", |writer| writer.list(0, Self::value)),
            9 => self.typed("M", "", Self::map),
            _ => self.typed("BS", "$dynamodb_BS::", |writer| writer.list(1, Self::blob)),
        }
        self.depth -= 1;
    }

    fn typed(&mut self, tag: &str, annotation: &str, write: impl FnOnce(&mut Self)) {
        self.pair.ion.push_str(annotation);
        write!(self.pair.json, "{{\"{tag}\":").unwrap();
        write(self);
        self.pair.json.push('}');
    }

    fn list(&mut self, least: usize, mut element: impl FnMut(&mut Self)) {
        self.both("[");
        let count = least + self.random.below(3);
        for n in 0..count {
            if n > 0 {
                self.both(",");
            }
            self.space();
            element(self);
            self.space();
        }
        self.trailing_comma(count);
        self.both("]");
    }

    fn text(&mut self) {
        let text = [self.random.pick(&TEXTS), self.random.pick(&TEXTS)].concat();
        json_string(&text, &mut self.pair.json);
        match self.random.below(3) {
            0 => {
                let at = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
                let (head, tail) = text.split_at(at);
                self.quoted(head, "'''");
                self.pair.ion.push(' ');
                self.quoted(tail, "'''");
            }
            _ => self.quoted(&text, "\""),
        }
    }

    /// Characters as they are where that is legal, and escaped in one of several ways where it is not, or just so.
    fn quoted(&mut self, text: &str, quote: &str) {
        self.pair.ion.push_str(quote);
        for char in text.chars() {
            let must = char == '\\' || quote.starts_with(char) || char < ' ';
            match (must || self.random.one_in(16), self.random.below(3)) {
                (false, _) => self.pair.ion.push(char),
                (true, 0) if (char as u32) < 0x100 => {
                    write!(self.pair.ion, "\\x{:02x}", char as u32).unwrap()
                }
                (true, 1) if (char as u32) < 0x1_0000 => {
                    write!(self.pair.ion, "\\u{:04X}", char as u32).unwrap()
                }
                (true, _) => match char {
                    '\\' | '\'' | '"' => write!(self.pair.ion, "\\{char}").unwrap(),
                    '\n' => self.pair.ion.push_str("\\n"),
                    '\0' => self.pair.ion.push_str("\\0"),
                    _ => write!(self.pair.ion, "\\U{:08x}", char as u32).unwrap(),
                },
            }
        }
        self.pair.ion.push_str(quote);
    }

    fn blob(&mut self) {
        let base64 = self.random.pick(&["", "YQ==", "aGVsbG8=", "+/+/"]);
        self.pair.ion.push_str("{{");
        self.pair.ion.push_str(self.random.pick(&["", " ", "\n"]));
        self.pair.ion.push_str(base64);
        self.pair.ion.push_str(" }}");
        write!(self.pair.json, "\"{base64}\"").unwrap();
    }

    /// A coefficient without zeros at its ends, and an exponent: the plain form follows from both by moving the point.
    fn number(&mut self) {
        let digits: String = match self.random.below(6) {
            0 => "0".to_owned(),
            _ => {
                let length = 1 + self.random.below(38);
                let mut digits: String =
                    (0..length).map(|_| char::from(b'0' + self.random.below(10) as u8)).collect();
                digits.replace_range(..1, "7");
                let last = digits.len() - 1;
                digits.replace_range(last.., "3");
                digits
            }
        };
        let sign = self.random.pick(&["", "-"]);
        let exponent = self.random.below(180) as i64 - 130;
        let plain = plain(sign, &digits, exponent);
        write!(self.pair.json, "\"{plain}\"").unwrap();
        let ion = match self.random.below(4) {
            0 if digits != "0" => plain,
            1 if digits != "0" => format!("{sign}{digits}00d{}", exponent - 2),
            2 => format!("{sign}{digits}.000D{exponent}"),
            _ => format!("{sign}{digits}{}{exponent}", self.random.pick(&["d", "e"])),
        };
        self.pair.ion.push_str(&ion);
    }
}

fn plain(sign: &str, digits: &str, exponent: i64) -> String {
    if digits == "0" {
        return "0".to_owned();
    }
    let point = digits.len() as i64 + exponent;
    let unsigned = if exponent >= 0 {
        format!("{digits}{}", "0".repeat(exponent as usize))
    } else if point > 0 {
        format!("{}.{}", &digits[..point as usize], &digits[point as usize..])
    } else {
        format!("0.{}{digits}", "0".repeat(-point as usize))
    };
    format!("{sign}{unsigned}")
}

fn json_string(text: &str, json: &mut String) {
    json.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => write!(json, "\\{char}").unwrap(),
            '\u{8}' => json.push_str("\\b"),
            '\t' => json.push_str("\\t"),
            '\n' => json.push_str("\\n"),
            '\u{c}' => json.push_str("\\f"),
            '\r' => json.push_str("\\r"),
            '\0'..='\x1f' => write!(json, "\\u{:04X}", char as u32).unwrap(),
            _ => json.push(char),
        }
    }
    json.push('"');
}

#[test]
fn every_legal_spelling_of_an_item_is_one_line_of_json() {
    for seed in 0..20_000 {
        let pair = line(&mut Random(seed));
        assert_eq!(transcode(&pair.ion).as_deref(), Ok(pair.json.as_str()), "seed {seed}: {}", pair.ion);
    }
}
