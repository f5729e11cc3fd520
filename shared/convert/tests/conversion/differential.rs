//! Generated and mutated lines: the scanner and the oracle must accept and refuse alike, and count alike.

use backfleet_convert::Format;
use proptest::prelude::*;

use crate::common::{Random, convert, item_line, spec};
use crate::oracle::judge;

const TOKENS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u",
    "\\ud800",
    "true",
    "null",
    "1",
    "\"S\"",
    "\"N\"",
    "\"SS\"",
    "\"BOOL\"",
    "\"pk\"",
    "\"a\":{\"S\":\"\"},",
    "\u{1}",
    "=",
    "\"M\":{",
    "e5",
    " ",
];

/// What is done to a line.
#[derive(Debug, Clone)]
enum Mutation {
    FlipBit { at: prop::sample::Index, bit: u8 },
    Truncate { at: prop::sample::Index },
    Insert { at: prop::sample::Index, token: prop::sample::Index },
    Remove { at: prop::sample::Index, length: usize },
    Repeat { from: prop::sample::Index, length: usize, at: prop::sample::Index },
}

fn mutation() -> impl Strategy<Value = Mutation> {
    use prop::sample::Index;
    prop_oneof![
        (any::<Index>(), 0..8u8).prop_map(|(at, bit)| Mutation::FlipBit { at, bit }),
        any::<Index>().prop_map(|at| Mutation::Truncate { at }),
        (any::<Index>(), any::<Index>()).prop_map(|(at, token)| Mutation::Insert { at, token }),
        (any::<Index>(), 1..12usize).prop_map(|(at, length)| Mutation::Remove { at, length }),
        (any::<Index>(), 1..30usize, any::<Index>()).prop_map(|(from, length, at)| Mutation::Repeat {
            from,
            length,
            at
        }),
    ]
}

fn mutate(line: &mut Vec<u8>, mutation: &Mutation) {
    let piece = |line: &[u8], at: usize, length: usize| at..(at + length).min(line.len());
    let length = line.len() + 1;
    match mutation {
        Mutation::FlipBit { at, bit } if !line.is_empty() => {
            let at = at.index(line.len());
            line[at] ^= 1 << bit;
        }
        Mutation::FlipBit { .. } => {}
        Mutation::Truncate { at } => line.truncate(at.index(length)),
        Mutation::Insert { at, token } => {
            let at = at.index(length);
            line.splice(at..at, token.get(&TOKENS).bytes());
        }
        Mutation::Remove { at, length: removed } => {
            let range = piece(line, at.index(length), *removed);
            line.drain(range);
        }
        Mutation::Repeat { from, length: repeated, at } => {
            let bytes = line[piece(line, from.index(length), *repeated)].to_vec();
            let at = at.index(length);
            line.splice(at..at, bytes);
        }
    }
}

fn agree_on(line: &[u8]) -> Result<(), TestCaseError> {
    let outcome = convert(spec(Format::Stream), [line, b"\n"].concat());
    let shown = String::from_utf8_lossy(line);
    match judge(line) {
        Some(judged) => {
            prop_assert_eq!(outcome.quarantined.first().map(|line| line.reason), None, "refused: {}", shown);
            let record: serde_json::Value = serde_json::from_str(&outcome.text()).unwrap();
            let size = judged.keys_size + judged.image_size;
            prop_assert_eq!(record["dynamodb"]["SizeBytes"].as_u64(), Some(size), "{}", shown);
        }
        None => {
            prop_assert_eq!(outcome.totals.records_out, 0, "accepted: {}", shown);
            let [quarantined] = outcome.quarantined.as_slice() else { panic!("not quarantined: {shown}") };
            prop_assert!(quarantined.column <= line.len() as u64);
            prop_assert_eq!(&quarantined.bytes, line);
        }
    }
    Ok(())
}

/// Newlines would make two lines of one, a final `\r` belongs to the newline, and blank lines are no records.
fn is_one_record(line: &[u8]) -> bool {
    !line.contains(&b'\n')
        && !line.ends_with(b"\r")
        && !line.starts_with(b"\xef\xbb\xbf")
        && !line.iter().all(|byte| b" \t\r".contains(byte))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_lines_are_judged_as_the_oracle_does(seed in any::<u64>()) {
        agree_on(item_line(&mut Random(seed)).as_bytes())?;
    }

    #[test]
    fn mutated_lines_are_judged_as_the_oracle_does(
        seed in any::<u64>(),
        mutations in prop::collection::vec(mutation(), 1..4),
    ) {
        let mut line = item_line(&mut Random(seed)).into_bytes();
        mutations.iter().for_each(|mutation| mutate(&mut line, mutation));
        prop_assume!(is_one_record(&line));
        agree_on(&line)?;
    }
}

#[test]
fn most_generated_lines_are_accepted_or_the_comparison_would_prove_little() {
    let accepted =
        (0..1_000).filter(|seed| judge(item_line(&mut Random(*seed)).as_bytes()).is_some()).count();
    assert!((500..1_000).contains(&accepted), "{accepted} of 1,000");
}
