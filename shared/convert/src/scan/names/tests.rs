//! The book of names: who is in it, and that it makes no difference to what is a duplicate.

use proptest::prelude::*;

use super::*;
use crate::input::Content;
use crate::scan::Scanner;

/// The name that begins `line`, if the book has it.
fn known(names: &mut Names, line: &str) -> Option<Known> {
    names.at(line.as_bytes(), 0)
}

fn written_down(name: &str) -> Names {
    let mut names = Names::new(&["pk".to_owned()]);
    for _ in 0..2 {
        assert!(known(&mut names, &format!("{name}\":")).is_none());
        names.propose(name.as_bytes());
    }
    assert!(known(&mut names, &format!("{name}\":")).is_none(), "not within a line");
    names.turn_page();
    names
}

#[test]
fn a_name_is_known_from_the_line_after_it_was_seen_twice() {
    let mut names = written_down("carrier");
    let found = known(&mut names, "carrier\":{\"S\":\"lte-m\"}").unwrap();
    assert_eq!((found.length, found.is_key), (7, false));
    assert!(written_down("pk").find(b"pk").unwrap().is_key);
}

#[test]
fn only_the_whole_name_with_its_colon_is_that_name() {
    let mut names = written_down("carrier");
    for other in ["carrie\":", "carriers\":", "carrier\" :", "Carrier\":", "carrier", "", "\":"] {
        assert!(known(&mut names, other).is_none(), "{other}");
    }
    assert!(known(&mut names, "carrier\":").is_some(), "also at the very end of a line");
}

#[test]
fn names_that_are_too_long_or_too_many_stay_unknown() {
    let long = "n".repeat(SPAN - BEHIND.len() + 1);
    assert!(written_down(&long).find(long.as_bytes()).is_none());
    assert!(written_down(&long[1..]).find(&long.as_bytes()[1..]).is_some());
    let mut names = Names::new(&[]);
    for number in 0..2 * NAMES_MAX {
        for _ in 0..2 {
            names.propose(format!("name {number}").as_bytes());
        }
        names.turn_page();
    }
    assert_eq!(names.used, NAMES_MAX);
    for number in 0..2 * NAMES_MAX {
        let name = format!("name {number}");
        assert!(names.find(name.as_bytes()).is_none_or(|known| usize::from(known.length) == name.len()));
    }
}

#[test]
fn a_mark_is_fresh_once() {
    let mut marks = Marks::default();
    for number in [0, 1, 63, 64, 255] {
        assert!(marks.add(number));
        assert!(!marks.add(number));
    }
}

/// A name in one of the ways it can be spelled, with its colon.
fn spelled(name: char, way: u8) -> String {
    match way {
        0 => format!("\"{name}\":"),
        1 => format!("\"{name}\" :"),
        2 => format!("\"\\u{:04x}\":", name as u32),
        _ => format!("\"{name}{}\":", "-and-what-makes-it-too-long-for-the-book"),
    }
}

fn map_of(names: &[(char, u8)], inner: &str) -> String {
    let attributes: Vec<String> =
        names.iter().map(|(name, way)| format!("{}{inner}", spelled(*name, *way))).collect();
    format!("{{{}}}", attributes.join(","))
}

fn names_in_any_spelling() -> impl Strategy<Value = Vec<(char, u8)>> {
    prop::collection::vec((prop::char::range('a', 'h'), 0..4_u8), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_seen_before_changes_no_verdict(
        outer in names_in_any_spelling(),
        inner in names_in_any_spelling(),
        known in prop::collection::vec(prop::char::range('a', 'h'), 0..8),
    ) {
        let nested = format!("{{\"M\":{}}}", map_of(&inner, "{\"N\":\"1\"}"));
        let line = format!("{{\"Item\":{}}}", map_of(&outer, &nested));
        let scanner = || Scanner::new(&["a".to_owned()], true, Content::Items);
        let verdict = |scanner: &mut Scanner| {
            scanner.scan(line.as_bytes()).map(|item| (item.image.size, item.image.attributes.clone(), item.keys_size))
        };
        let mut used = scanner();
        for name in known {
            for _ in 0..2 {
                let before = format!("{{\"Item\":{{\"{name}\":{{\"S\":\"\"}}}}}}");
                let _ = used.scan(before.as_bytes());
            }
        }
        prop_assert_eq!(verdict(&mut used), verdict(&mut scanner()));
    }
}
