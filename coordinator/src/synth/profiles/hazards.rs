//! The legal attributes that readers of exports trip over, and the two spellings of their text.
//!
//! Each hazard is one attribute, or a few that are only hard together. No two of them share a name, so that
//! any of them can stand in one item.

use crate::synth::attributes::separated;
use crate::synth::text;

/// A value as it means, before it is spelled.
pub(super) enum Value {
    S(String),
    N(String),
    B(Vec<u8>),
    Bool(bool),
    Null,
    M(Vec<(String, Value)>),
    L(Vec<Value>),
    Ss(Vec<String>),
    Ns(Vec<String>),
    Bs(Vec<Vec<u8>>),
}

/// How the characters of a JSON string are written.
#[derive(Clone, Copy)]
pub(super) enum Spelling {
    /// As they are, but for what JSON forbids; short escapes and lower-case hex.
    Raw,
    /// ASCII only: `\uXXXX` with upper-case hex for all that can be escaped so, surrogate pairs, `\/`.
    Escaped,
}

impl Spelling {
    pub(super) const BOTH: [Spelling; 2] = [Spelling::Raw, Spelling::Escaped];

    pub(super) fn drawn(draw: &mut crate::synth::draw::Draw) -> Self {
        Spelling::BOTH[draw.below(2) as usize]
    }
}

pub(super) struct Hazard(Vec<(String, Value)>);

impl Hazard {
    /// Its attributes, comma between them.
    pub(super) fn rendered(&self, spelling: Spelling) -> Vec<u8> {
        let mut out = Vec::new();
        separated(&mut out, &self.0, |out, (name, value)| attribute(out, name, value, spelling));
        out
    }
}

/// All of them. What a full export cannot contain (duplicate names, lone surrogates, empty names and sets) is
/// not here, nor is what nobody has seen yet (an empty member of a set, the text of 1E-130).
pub(super) fn all() -> Vec<Hazard> {
    let mut all = names();
    all.extend(together());
    all.extend(texts());
    all.extend(numbers());
    all.extend(empties());
    all.extend(sets());
    all.extend(nestings());
    all
}

/// Names that are paths, quotes, ends of lines, type tags or words of the formats around the item.
fn names() -> Vec<Hazard> {
    let plain = [
        "a.b",
        "a.b.c[0]",
        "`tick`",
        "quo\"te",
        "apos'trophe",
        "back\\slash",
        "new\nline",
        "carriage\rreturn",
        "tab\t",
        "nul\0",
        "\u{1}",
        "\u{7f}",
        "sl/ash",
        "$",
        "$set",
        "#name",
        ":value",
        "a b",
        " ",
        "  lead",
        "trail ",
        "\u{2028}",
        "\u{2029}",
        "\u{85}",
        "\u{feff}bom",
        "ÿ",
        "名前",
        "🗝️",
        "\u{10ffff}",
        "123",
        "true",
        "null",
        "{}",
        "[]",
        ",",
        "\"",
        "\\",
        "\\u0041",
        "\\\"",
        "__proto__",
        "Metadata",
        "NewImage",
        "OldImage",
        "Records",
        "dynamodb",
        "eventID",
        "SequenceNumber",
    ];
    let tags = ["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS", "Item", "Keys"];
    let named = |name: &&str| Hazard(vec![(name.to_string(), s(&format!("named {name}")))]);
    let tagged = |name: &&str| {
        // The name of a type where a type could stand, and a value of the same name inside.
        let inner = Value::M(vec![(name.to_string(), Value::M(vec![(name.to_string(), s(name))]))]);
        Hazard(vec![(name.to_string(), inner)])
    };
    plain.iter().map(named).chain(tags.iter().map(tagged)).collect()
}

/// Names that only differ in case or in how a character is composed, in one item.
fn together() -> Vec<Hazard> {
    let group = |names: &[&str]| {
        Hazard(names.iter().map(|name| (name.to_string(), s(&format!("spelled {name}")))).collect())
    };
    vec![group(&["Name", "name", "NAME"]), group(&["caf\u{e9}", "cafe\u{301}"]), group(&["ß", "ẞ", "ss"])]
}

fn texts() -> Vec<Hazard> {
    let texts = [
        ("text quotes", "say \"hi\""),
        ("text ends in backslash", "C:\\"),
        ("text escape that is none", "\\u0041 \\n \\\""),
        ("text of a line", "{\"Item\":{\"pk\":{\"S\":\"fake\"}}}\n{\"Item\":{}}"),
        ("text of braces", "}}\n]},{[\","),
        ("text controls", "\0\u{1}\u{8}\t\n\u{b}\u{c}\r\u{1b}\u{1f}\u{7f}"),
        ("text separators", "a\u{85}b\u{2028}c\u{2029}d\r\ne"),
        ("text astral", "😀👩‍👩‍👧‍👦𝄞\u{10000}\u{10ffff}"),
        ("text bidi", "\u{202e}abc\u{202c} שלום مرحبا"),
        ("text combining", "Z\u{351}\u{36b}\u{343} e\u{301} \u{e9}"),
        ("text noncharacters", "\u{fffe}\u{ffff}\u{fdd0}\u{1fffe}"),
        ("text around surrogates", "\u{d7ff}\u{e000}\u{fffd}"),
        ("text bom", "\u{feff}x\u{feff}"),
        ("text spaces", " \u{a0}\u{2003}\u{3000}\u{200b} "),
        ("text slashes", "</script>//*/"),
        ("text number", "1e400"),
        ("text null", "null"),
    ];
    texts.iter().map(|(name, text)| one(name, s(text))).collect()
}

/// Numbers of 38 digits, of 126 to 131 characters, and around the edges of what machines can hold.
fn numbers() -> Vec<Hazard> {
    let nines = "9".repeat(38);
    let zeros = |count: usize| "0".repeat(count);
    let digits = "1234567890123456789012345678901234567";
    let numbers = [
        ("number zero", "0".to_owned()),
        ("number minus one", "-1".to_owned()),
        ("number tenth", "0.1".to_owned()),
        ("number 38 digits", nines.clone()),
        ("number 38 digits negative", format!("-{nines}")),
        ("number 38 digits of fraction", format!("0.{nines}")),
        ("number 38 digits around a point", format!("-{digits}.1")),
        ("number above 2^53", "9007199254740993".to_owned()),
        ("number 2^63", "9223372036854775808".to_owned()),
        ("number -2^63-1", "-9223372036854775809".to_owned()),
        ("number 2^64", "18446744073709551616".to_owned()),
        ("number 2^127", "170141183460469231731687303715884105728".chars().take(38).collect()),
        ("number 1e100", format!("1{}", zeros(100))),
        ("number 126 characters", format!("1{}", zeros(125))),
        ("number largest", format!("{nines}{}", zeros(88))),
        ("number 127 characters", format!("-{nines}{}", zeros(88))),
        ("number 128 characters", format!("0.{}1", zeros(125))),
        ("number 129 characters", format!("-0.{}5", zeros(125))),
        ("number 130 characters", format!("0.{}1", zeros(127))),
        ("number 131 characters", format!("-0.{}5", zeros(127))),
    ];
    numbers.iter().map(|(name, number)| one(name, n(number))).collect()
}

fn empties() -> Vec<Hazard> {
    vec![
        one("empty string", s("")),
        one("empty binary", Value::B(Vec::new())),
        one("empty list", Value::L(Vec::new())),
        one("empty map", Value::M(Vec::new())),
        one("empty inside", Value::L(vec![s(""), Value::L(Vec::new()), Value::M(Vec::new()), Value::Null])),
        one("null value", Value::Null),
        one("null inside", Value::M(vec![("null".to_owned(), Value::Null)])),
        one("false", Value::Bool(false)),
        one("true inside", Value::L(vec![Value::Bool(true)])),
    ]
}

fn sets() -> Vec<Hazard> {
    let strings =
        ["b", "a", "A", "\u{e9}", "e\u{301}", "😀", "quo\"te", "\n", "\0", "1", "1.0", "{\"S\":\"x\"}"];
    let numbers = ["3", "2", "-0.5", "0", "99999999999999999999999999999999999999"].map(str::to_owned);
    let long = [format!("1{}", "0".repeat(125)), format!("-0.{}5", "0".repeat(127))];
    let every_byte: Vec<u8> = (0..=255).collect();
    vec![
        one("set of strings", Value::Ss(strings.map(str::to_owned).to_vec())),
        one("set of one string", Value::Ss(vec!["only".to_owned()])),
        one("set of numbers", Value::Ns(numbers.to_vec())),
        one("set of long numbers", Value::Ns(long.to_vec())),
        one("set of binaries", Value::Bs(vec![vec![0], vec![255, 254], b"{}".to_vec(), every_byte.clone()])),
        one(
            "set in a list",
            Value::L(vec![Value::Ss(vec!["x".to_owned()]), Value::Ns(vec!["1".to_owned()])]),
        ),
        one("binary of every byte", Value::B(every_byte)),
        one("binary of one byte", Value::B(vec![0])),
        one("binary of two bytes", Value::B(vec![0xfb, 0xff])),
    ]
}

/// DynamoDB nests lists and maps up to 32 deep.
fn nestings() -> Vec<Hazard> {
    const DEEPEST: usize = 32;
    let in_map = |inner, name: &str| Value::M(vec![(name.to_owned(), inner)]);
    let maps = (0..DEEPEST).fold(s("bottom"), |inner, _| in_map(inner, "M"));
    let lists = (0..DEEPEST).fold(n("-1"), |inner, _| Value::L(vec![inner]));
    let both = (0..DEEPEST / 2).fold(Value::Null, |inner, _| in_map(Value::L(vec![inner]), "a.\"b"));
    let every_type = vec![
        ("S".to_owned(), s("x")),
        ("N".to_owned(), n("1")),
        ("B".to_owned(), Value::B(b"b".to_vec())),
        ("BOOL".to_owned(), Value::Bool(true)),
        ("NULL".to_owned(), Value::Null),
        ("M".to_owned(), Value::M(vec![("Item".to_owned(), Value::M(Vec::new()))])),
        ("L".to_owned(), Value::L(vec![s("y"), n("2")])),
        ("SS".to_owned(), Value::Ss(vec!["z".to_owned()])),
        ("NS".to_owned(), Value::Ns(vec!["3".to_owned()])),
        ("BS".to_owned(), Value::Bs(vec![b"c".to_vec()])),
    ];
    vec![
        one("32 maps deep", maps),
        one("32 lists deep", lists),
        one("32 maps and lists deep", both),
        one("every type in a map", Value::M(every_type)),
    ]
}

fn one(name: &str, value: Value) -> Hazard {
    Hazard(vec![(name.to_owned(), value)])
}

fn s(text: &str) -> Value {
    Value::S(text.to_owned())
}

fn n(number: &str) -> Value {
    Value::N(number.to_owned())
}

/// `"name":{"tag":value}`, every string of it in one spelling.
pub(super) fn attribute(out: &mut Vec<u8>, name: &str, value: &Value, spelling: Spelling) {
    quoted(out, name, spelling);
    out.push(b':');
    typed(out, value, spelling);
}

fn typed(out: &mut Vec<u8>, value: &Value, spelling: Spelling) {
    let (tag, open, close) = match value {
        Value::S(_) => ("S", "", ""),
        Value::N(_) => ("N", "", ""),
        Value::B(_) => ("B", "", ""),
        Value::Bool(_) => ("BOOL", "", ""),
        Value::Null => ("NULL", "", ""),
        Value::M(_) => ("M", "{", "}"),
        Value::L(_) => ("L", "[", "]"),
        Value::Ss(_) => ("SS", "[", "]"),
        Value::Ns(_) => ("NS", "[", "]"),
        Value::Bs(_) => ("BS", "[", "]"),
    };
    for part in ["{\"", tag, "\":", open] {
        out.extend_from_slice(part.as_bytes());
    }
    untyped(out, value, spelling);
    out.extend_from_slice(close.as_bytes());
    out.push(b'}');
}

/// The value without its tag and without the brackets around members.
fn untyped(out: &mut Vec<u8>, value: &Value, spelling: Spelling) {
    match value {
        Value::S(text) => quoted(out, text, spelling),
        Value::N(number) => quoted(out, number, Spelling::Raw),
        Value::B(bytes) => quoted_base64(out, bytes),
        Value::Bool(true) | Value::Null => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::M(members) => {
            separated(out, members, |out, (name, member)| attribute(out, name, member, spelling));
        }
        Value::L(members) => separated(out, members, |out, member| typed(out, member, spelling)),
        Value::Ss(members) => separated(out, members, |out, text| quoted(out, text, spelling)),
        Value::Ns(members) => separated(out, members, |out, number| quoted(out, number, Spelling::Raw)),
        Value::Bs(members) => separated(out, members, |out, bytes| quoted_base64(out, bytes)),
    }
}

fn quoted_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    text::base64(out, bytes);
    out.push(b'"');
}

fn quoted(out: &mut Vec<u8>, text: &str, spelling: Spelling) {
    out.push(b'"');
    for character in text.chars() {
        match spelling {
            Spelling::Raw => raw(out, character),
            Spelling::Escaped => escaped(out, character),
        }
    }
    out.push(b'"');
}

fn raw(out: &mut Vec<u8>, character: char) {
    let short = match character {
        '"' => b'"',
        '\\' => b'\\',
        '\u{8}' => b'b',
        '\t' => b't',
        '\n' => b'n',
        '\u{c}' => b'f',
        '\r' => b'r',
        control if control < ' ' => return unit(out, control as u16, b"0123456789abcdef"),
        plain => return out.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes()),
    };
    out.extend_from_slice(&[b'\\', short]);
}

fn escaped(out: &mut Vec<u8>, character: char) {
    match character {
        '/' => out.extend_from_slice(b"\\/"),
        '"' | '\\' => unit(out, character as u16, b"0123456789ABCDEF"),
        plain if plain.is_ascii() && !plain.is_ascii_control() => out.push(plain as u8),
        other => {
            for &mut half in other.encode_utf16(&mut [0; 2]) {
                unit(out, half, b"0123456789ABCDEF");
            }
        }
    }
}

/// `\uXXXX`.
fn unit(out: &mut Vec<u8>, unit: u16, hex: &[u8; 16]) {
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.push(hex[usize::from(unit >> shift & 15)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_hazards_share_a_name_nor_take_one_of_the_profiles_own() {
        let mut names = std::collections::BTreeSet::from(["pk", "sk", "t", "n"].map(str::to_owned));
        for (name, _) in all().into_iter().flat_map(|hazard| hazard.0) {
            assert!(names.insert(name.clone()), "{name:?} comes twice");
        }
    }
}
