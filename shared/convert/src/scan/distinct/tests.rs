//! A name's hash does not depend on where it stands or how it is spelled.

use super::*;
use crate::scan::text;

#[test]
fn the_hash_in_place_is_the_hash_of_the_bytes() {
    let line = b"\"a\"\"seven77\"\"eight888\"\"nine99999\"\"the end\"";
    let mut at = 0;
    while at < line.len() {
        let text = text::read(line, at + 1).unwrap();
        assert_eq!(hash_in_place(line, text), hash(text.raw(line)));
        at = text.end as usize + 1;
    }
}

#[test]
fn scopes_nest() {
    let line = b"\"a\"";
    let a = text::read(line, 1).unwrap();
    let mut distinct = Distinct::default();
    let mut outer = distinct.open();
    assert!(distinct.add(&mut outer, line, a));
    let mut inner = distinct.open();
    assert!(distinct.add(&mut inner, line, a));
    assert!(!distinct.add(&mut inner, line, a));
    assert_eq!(distinct.close(inner, line), None);
    assert!(!distinct.add(&mut outer, line, a));
}
