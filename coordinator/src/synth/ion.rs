//! A line of DynamoDB JSON as the line of an Ion export: a version marker, then the item without type tags.
//!
//! Numbers are decimals in their shortest form, names are quoted only where Ion cannot do without, sets carry their
//! annotation, and strings escape what ion-java escapes.

/// Least exponent of the first digit for which a decimal shows its zeros, as Java's BigDecimal has it.
const EXPONENT_PLAIN_MIN: i64 = -6;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `json_line` as Ion, with its newline if it has one. It must be one of ours: compact, whole, and its numbers
/// without exponents.
pub(super) fn write_line(json_line: &[u8], out: &mut Vec<u8>) {
    let mut line = Line { rest: json_line, out };
    line.out.extend_from_slice(b"$ion_1_0 ");
    line.object(|line| line.object(Line::value));
    line.out.extend_from_slice(line.rest);
}

/// What is left of the JSON, and the Ion so far.
struct Line<'a> {
    rest: &'a [u8],
    out: &'a mut Vec<u8>,
}

impl<'a> Line<'a> {
    fn take(&mut self, bytes: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(bytes);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, bytes: &[u8]) {
        let taken = self.take(bytes);
        assert!(taken, "{} expected at {}", bytes.escape_ascii(), self.rest.escape_ascii());
    }

    /// The inside of the string that comes next, as it is spelled.
    fn text(&mut self) -> &'a [u8] {
        self.expect(b"\"");
        let mut end = 0;
        while self.rest[end] != b'"' {
            end += if self.rest[end] == b'\\' { 2 } else { 1 };
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = &rest[1..];
        text
    }

    fn object(&mut self, mut value: impl FnMut(&mut Self)) {
        self.expect(b"{");
        self.out.push(b'{');
        while !self.take(b"}") {
            let name = unescaped(self.text());
            write_name(&name, self.out);
            self.expect(b":");
            self.out.push(b':');
            value(self);
            self.separator();
        }
        self.out.push(b'}');
    }

    fn array(&mut self, mut value: impl FnMut(&mut Self)) {
        self.expect(b"[");
        self.out.push(b'[');
        while !self.take(b"]") {
            value(self);
            self.separator();
        }
        self.out.push(b']');
    }

    fn separator(&mut self) {
        if self.take(b",") {
            self.out.push(b',');
        }
    }

    fn value(&mut self) {
        self.expect(b"{");
        match self.text() {
            b"S" => self.member(write_string),
            b"N" => self.member(write_number),
            b"B" => self.member(write_blob),
            b"SS" => self.set(b"$dynamodb_SS::", write_string),
            b"NS" => self.set(b"$dynamodb_NS::", write_number),
            b"BS" => self.set(b"$dynamodb_BS::", write_blob),
            b"M" => {
                self.expect(b":");
                self.object(Line::value);
            }
            b"L" => {
                self.expect(b":");
                self.array(Line::value);
            }
            b"NULL" => {
                self.expect(b":true");
                self.out.extend_from_slice(b"null");
            }
            tag => {
                assert_eq!(tag, b"BOOL", "no other type is written");
                self.expect(b":");
                self.bool();
            }
        }
        self.expect(b"}");
    }

    fn bool(&mut self) {
        let value = self.take(b"true");
        if !value {
            self.expect(b"false");
        }
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// The value of a type whose JSON is a string.
    fn member(&mut self, write: fn(&[u8], &mut Vec<u8>)) {
        self.expect(b":");
        let text = self.text();
        write(text, self.out);
    }

    fn set(&mut self, annotation: &[u8], write: fn(&[u8], &mut Vec<u8>)) {
        self.expect(b":");
        self.out.extend_from_slice(annotation);
        self.array(|line| {
            let text = line.text();
            write(text, line.out);
        });
    }
}

fn write_blob(base64: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{{");
    out.extend_from_slice(unescaped(base64).as_bytes());
    out.extend_from_slice(b"}}");
}

fn write_string(text: &[u8], out: &mut Vec<u8>) {
    write_quoted(&unescaped(text), b'"', out);
}

fn write_name(name: &str, out: &mut Vec<u8>) {
    match needs_no_quotes(name.as_bytes()) {
        true => out.extend_from_slice(name.as_bytes()),
        false => write_quoted(name, b'\'', out),
    }
}

fn needs_no_quotes(name: &[u8]) -> bool {
    let is_symbol_id = name.len() > 1 && name[0] == b'$' && name[1..].iter().all(u8::is_ascii_digit);
    let begins_well = name.first().is_some_and(|first| !first.is_ascii_digit());
    let identifier = name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$'));
    let reserved = matches!(name, b"null" | b"true" | b"false" | b"nan") || name.starts_with(b"$ion");
    begins_well && identifier && !reserved && !is_symbol_id
}

fn write_quoted(text: &str, quote: u8, out: &mut Vec<u8>) {
    out.push(quote);
    for character in text.chars() {
        match character {
            '\0' => out.extend_from_slice(br"\0"),
            '\u{7}' => out.extend_from_slice(br"\a"),
            '\u{8}' => out.extend_from_slice(br"\b"),
            '\t' => out.extend_from_slice(br"\t"),
            '\n' => out.extend_from_slice(br"\n"),
            '\u{b}' => out.extend_from_slice(br"\v"),
            '\u{c}' => out.extend_from_slice(br"\f"),
            '\r' => out.extend_from_slice(br"\r"),
            '\\' => out.extend_from_slice(br"\\"),
            _ if character == char::from(quote) => out.extend_from_slice(&[b'\\', quote]),
            // All of these are below 0x100.
            _ if character.is_control() => {
                let code = character as usize;
                out.extend_from_slice(&[b'\\', b'x', HEX[code >> 4], HEX[code & 15]]);
            }
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(quote);
}

/// What the inside of a JSON string says.
fn unescaped(text: &[u8]) -> String {
    let quoted = [b"\"", text, b"\""].concat();
    serde_json::from_slice(&quoted).expect("only valid strings are written")
}

/// The decimal with the fewest digits: `6d2`, `103.`, `3.14`, and below a millionth `1.5d-7`.
fn write_number(text: &[u8], out: &mut Vec<u8>) {
    let (sign, unsigned) = text.split_at(usize::from(text.starts_with(b"-")));
    let point = unsigned.iter().position(|byte| *byte == b'.').unwrap_or(unsigned.len());
    let digits: Vec<u8> = unsigned.iter().copied().filter(|byte| *byte != b'.').collect();
    let Some(first) = digits.iter().position(|digit| *digit != b'0') else {
        return out.extend_from_slice(b"0.");
    };
    let last = digits.iter().rposition(|digit| *digit != b'0').expect("one was found from the other side");
    // Digits before the point, counted from the first that is not zero.
    let whole = point as i64 - first as i64;
    let digits = &digits[first..=last];
    out.extend_from_slice(sign);
    if whole > digits.len() as i64 {
        out.extend_from_slice(digits);
        out.extend_from_slice(format!("d{}", whole - digits.len() as i64).as_bytes());
    } else if whole > 0 {
        let (whole, fraction) = digits.split_at(whole as usize);
        out.extend_from_slice(&[whole, b".", fraction].concat());
    } else if whole > EXPONENT_PLAIN_MIN {
        out.extend_from_slice(b"0.");
        out.extend_from_slice(&b"000000"[..whole.unsigned_abs() as usize]);
        out.extend_from_slice(digits);
    } else {
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(format!("d{}", whole - 1).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::write_line;

    fn ion(json_line: &str) -> String {
        let mut out = Vec::new();
        write_line(json_line.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    fn value(json: &str) -> String {
        let line = ion(&format!("{{\"Item\":{{\"v\":{json}}}}}\n"));
        line.strip_prefix("$ion_1_0 {Item:{v:").unwrap().strip_suffix("}}\n").unwrap().to_owned()
    }

    #[test]
    fn the_documented_line_is_written_as_documented() {
        let json = concat!(
            r#"{"Item":{"Authors":{"SS":["Author1","Author2"]},"Dimensions":{"S":"8.5 x 11.0 x 1.5"},"#,
            r#""ISBN":{"S":"333-3333333333"},"Id":{"N":"103"},"InPublication":{"BOOL":false},"#,
            r#""PageCount":{"N":"600"},"Price":{"N":"2000"},"ProductCategory":{"S":"Book"}}}"#,
        );
        let documented = concat!(
            r#"$ion_1_0 {Item:{Authors:$dynamodb_SS::["Author1","Author2"],Dimensions:"8.5 x 11.0 x 1.5","#,
            r#"ISBN:"333-3333333333",Id:103.,InPublication:false,PageCount:6d2,Price:2d3,ProductCategory:"Book"}}"#,
        );
        assert_eq!(ion(json), documented);
    }

    #[test]
    fn numbers_are_decimals_in_their_shortest_form() {
        for (json, decimal) in [
            ("0", "0."),
            ("103", "103."),
            ("-2000", "-2d3"),
            ("3.14", "3.14"),
            ("100.5", "100.5"),
            ("0.05", "0.05"),
            ("-0.0000015", "-0.0000015"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1d-7"),
            ("0.00000012", "1.2d-7"),
        ] {
            assert_eq!(value(&format!(r#"{{"N":"{json}"}}"#)), decimal);
        }
    }

    #[test]
    fn values_lose_their_tags_and_sets_gain_an_annotation() {
        for (json, ion) in [
            (r#"{"BOOL":true}"#, "true"),
            (r#"{"NULL":true}"#, "null"),
            (r#"{"B":"aGk="}"#, "{{aGk=}}"),
            (r#"{"L":[]}"#, "[]"),
            (r#"{"L":[{"N":"1"},{"M":{"a":{"S":"b"}}}]}"#, r#"[1.,{a:"b"}]"#),
            (r#"{"NS":["3","20"]}"#, "$dynamodb_NS::[3.,2d1]"),
            (r#"{"BS":["aGk=",""]}"#, "$dynamodb_BS::[{{aGk=}},{{}}]"),
            (r#"{"S":"\u0000\u0007\n\u000b\u001b\/\"\\\ud83d\ude00é'"}"#, r#""\0\a\n\v\x1b/\"\\😀é'""#),
        ] {
            assert_eq!(value(json), ion);
        }
    }

    #[test]
    fn names_are_quoted_only_where_ion_cannot_do_without() {
        for (name, ion) in [
            ("a_$1", "a_$1"),
            ("$set", "$set"),
            ("$1", "'$1'"),
            ("$", "$"),
            ("1a", "'1a'"),
            ("a.b", "'a.b'"),
            ("null", "'null'"),
            ("nulls", "nulls"),
            ("$ion_1_0", "'$ion_1_0'"),
            ("it's", r"'it\'s'"),
            (r#"say \"hi\""#, r#"'say "hi"'"#),
            ("", "''"),
        ] {
            let line = format!(r#"{{"Item":{{"{name}":{{"NULL":true}}}}}}"#);
            assert_eq!(super::tests::ion(&line), format!("$ion_1_0 {{Item:{{{ion}:null}}}}"));
        }
    }
}
