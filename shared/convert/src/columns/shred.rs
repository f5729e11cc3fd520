//! Shredding: a value goes to the leaves of its node, or, where it does not fit, to the rest.
//!
//! Maps are split: what fits of them goes to the column, what does not stands in the rest under the same path. Anything
//! else goes whole, to one or the other.

use crate::columns::leaf::Leaf;
use crate::columns::shape::{Form, Levels, Node, Scalar, place_of};
use crate::columns::value::Value;
use crate::scan::{Attribute, Tag, Text, decode_base64, scaled};

/// The leaves of the attributes, and what is needed on the way to them.
pub(super) struct Shredder {
    pub(super) leaves: Vec<Leaf>,
    scratch: Vec<u8>,
}

/// Where a value stands in a row: which list goes on with it.
type Rep = i16;

impl Shredder {
    pub(super) fn new(leaves: Vec<Leaf>) -> Shredder {
        Shredder { leaves, scratch: Vec::new() }
    }

    /// One row of these attributes; appends to `rest` what has no place, as the inside of an object.
    pub(super) fn row(&mut self, node: &Node, line: &[u8], attributes: &[Attribute], rest: &mut Vec<u8>) {
        let named =
            attributes.iter().map(|attribute| (attribute.name, Value::at(line, attribute.value.start)));
        self.fields(node, named, 0, rest);
    }

    /// The fields of a struct that is there.
    fn fields<'l>(
        &mut self,
        node: &Node,
        fields: impl Iterator<Item = (Text, Value<'l>)>,
        rep: Rep,
        rest: &mut Vec<u8>,
    ) {
        let Form::Struct { names, children } = &node.form else { unreachable!("fields are a struct's") };
        let mut placed: Vec<Option<(Text, Value)>> = vec![None; children.len()];
        for (name, value) in fields {
            let decoded = name.decoded(value.line, &mut self.scratch);
            match place_of(names, decoded) {
                Some(place) => placed[place] = Some((name, value)),
                None => write_rest(name, &value, rest),
            }
        }
        for ((_, child), found) in children.iter().zip(placed) {
            match found {
                Some((name, value)) => self.place(child, name, &value, Levels { def: node.def, rep }, rest),
                None => self.null(child, rep, node.def),
            }
        }
    }

    /// A value that has a column, under its name; `around` are the levels of what it stands in.
    fn place(&mut self, node: &Node, name: Text, value: &Value, around: Levels, rest: &mut Vec<u8>) {
        let rep = around.rep;
        match &node.form {
            Form::Struct { .. } if value.tag == Tag::M => {
                within(name, value, rest, |rest| self.fields(node, value.fields().named(), rep, rest));
            }
            Form::Map { .. } if value.tag == Tag::M => {
                within(name, value, rest, |rest| self.entries(node, value, rep, rest));
            }
            _ if fits(node, value, &mut self.scratch) => self.put(node, value, rep),
            _ => {
                self.null(node, rep, around.def);
                write_rest(name, value, rest);
            }
        }
    }

    /// The entries of a map that may be split: what does not fit is no entry.
    fn entries(&mut self, node: &Node, map: &Value, rep: Rep, rest: &mut Vec<u8>) {
        let Form::Map { rep: inner, value: child } = &node.form else { unreachable!("entries are a map's") };
        let mut next = rep;
        for (name, value) in map.fields().named() {
            let splits = matches!(child.form, Form::Struct { .. } | Form::Map { .. }) && value.tag == Tag::M;
            if !splits && !fits(child, &value, &mut self.scratch) {
                write_rest(name, &value, rest);
                continue;
            }
            self.key(node, name, &value, next);
            self.place(child, name, &value, Levels { def: node.def + 1, rep: next }, rest);
            next = *inner;
        }
        if next == rep {
            self.null(node, rep, node.def);
        }
    }

    fn key(&mut self, node: &Node, name: Text, value: &Value, rep: Rep) {
        let decoded = name.decoded(value.line, &mut self.scratch);
        self.leaves[node.leaves.start].bytes(rep, decoded);
    }

    /// Nothing stands here; `around` is how far the way to it goes.
    fn null(&mut self, node: &Node, rep: Rep, around: i16) {
        for leaf in &mut self.leaves[node.leaves.clone()] {
            leaf.null(rep, around);
        }
    }

    /// A value that fits.
    fn put(&mut self, node: &Node, value: &Value, rep: Rep) {
        match &node.form {
            Form::Leaf(scalar) => self.scalar(node, *scalar, value, rep),
            Form::List { rep: inner, element, .. } => self.list(node, *inner, element, value, rep),
            Form::Struct { names, children } => {
                let mut placed: Vec<Option<Value>> = vec![None; children.len()];
                for (name, value) in value.fields().named() {
                    let decoded = name.decoded(value.line, &mut self.scratch);
                    placed[place_of(names, decoded).expect("it fits")] = Some(value);
                }
                for ((_, child), found) in children.iter().zip(placed) {
                    match found {
                        Some(value) => self.put(child, &value, rep),
                        None => self.null(child, rep, node.def),
                    }
                }
            }
            Form::Map { rep: inner, value: child } => {
                let mut next = rep;
                for (name, value) in value.fields().named() {
                    self.key(node, name, &value, next);
                    self.put(child, &value, next);
                    next = *inner;
                }
                if next == rep {
                    self.null(node, rep, node.def);
                }
            }
            Form::Typed(members) => {
                for (tag, member) in members {
                    match *tag == value.tag {
                        true => self.put(member, value, rep),
                        false => self.null(member, rep, node.def),
                    }
                }
            }
        }
    }

    fn list(&mut self, node: &Node, inner: i16, element: &Node, value: &Value, rep: Rep) {
        let mut next = rep;
        match value.tag {
            Tag::L => {
                for value in value.elements() {
                    self.put(element, &value, next);
                    next = inner;
                }
            }
            _ => {
                let Form::Leaf(scalar) = element.form else { unreachable!("members of sets are scalars") };
                for member in value.members() {
                    self.text(element.leaves.start, scalar, value.line, member, next);
                    next = inner;
                }
            }
        }
        if next == rep {
            self.null(node, rep, node.def);
        }
    }

    fn scalar(&mut self, node: &Node, scalar: Scalar, value: &Value, rep: Rep) {
        match scalar {
            Scalar::Bool => self.leaves[node.leaves.start].bool(rep, value.bool()),
            Scalar::Null => self.leaves[node.leaves.start].bool(rep, true),
            _ => self.text(node.leaves.start, scalar, value.line, value.text(), rep),
        }
    }

    fn text(&mut self, leaf: usize, scalar: Scalar, line: &[u8], text: Text, rep: Rep) {
        let decoded = text.decoded(line, &mut self.scratch);
        let leaf = &mut self.leaves[leaf];
        match scalar {
            Scalar::Decimal(scale) => leaf.decimal(rep, scaled(decoded, scale).expect("it fits")),
            Scalar::Binary => leaf.bytes_by(rep, |bytes| decode_base64(decoded, bytes)),
            _ => leaf.bytes(rep, decoded),
        }
    }
}

/// Whether all of a value has a place below the node.
fn fits(node: &Node, value: &Value, scratch: &mut Vec<u8>) -> bool {
    match &node.form {
        Form::Leaf(scalar) => scalar_fits(*scalar, value, scratch),
        Form::List { of, element, .. } => {
            *of == value.tag
                && match (of, &element.form) {
                    (Tag::L, _) => value.elements().all(|value| fits(element, &value, scratch)),
                    (Tag::Ns, Form::Leaf(Scalar::Decimal(scale))) => value
                        .members()
                        .all(|text| scaled(text.decoded(value.line, scratch), *scale).is_some()),
                    _ => true,
                }
        }
        Form::Struct { names, children } => {
            value.tag == Tag::M
                && value.fields().named().all(|(name, value)| {
                    let place = place_of(names, name.decoded(value.line, scratch));
                    place.is_some_and(|place| fits(&children[place].1, &value, scratch))
                })
        }
        Form::Map { value: child, .. } => {
            value.tag == Tag::M && value.fields().named().all(|(_, value)| fits(child, &value, scratch))
        }
        Form::Typed(members) => {
            let member = members.iter().find(|(tag, _)| *tag == value.tag);
            member.is_some_and(|(_, member)| fits(member, value, scratch))
        }
    }
}

fn scalar_fits(scalar: Scalar, value: &Value, scratch: &mut Vec<u8>) -> bool {
    match (scalar, value.tag) {
        (Scalar::Decimal(scale), Tag::N) => {
            scaled(value.text().decoded(value.line, scratch), scale).is_some()
        }
        (Scalar::String, Tag::S)
        | (Scalar::NumberText, Tag::N)
        | (Scalar::Binary, Tag::B)
        | (Scalar::Bool, Tag::Bool)
        | (Scalar::Null, Tag::Null) => true,
        _ => false,
    }
}

/// `"name":` as it stands in the line, behind a comma if anything is there already.
fn write_name(name: Text, line: &[u8], rest: &mut Vec<u8>) {
    if !rest.is_empty() && rest.last() != Some(&b'{') {
        rest.push(b',');
    }
    rest.extend_from_slice(&line[name.start as usize - 1..name.end as usize + 1]);
    rest.push(b':');
}

fn write_rest(name: Text, value: &Value, rest: &mut Vec<u8>) {
    write_name(name, value.line, rest);
    rest.extend_from_slice(value.bytes());
}

/// What `write` leaves over of a map, as a map of that name; nothing if it leaves nothing.
fn within(name: Text, value: &Value, rest: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let before = rest.len();
    write_name(name, value.line, rest);
    rest.extend_from_slice(b"{\"M\":{");
    let empty = rest.len();
    write(rest);
    match rest.len() == empty {
        true => rest.truncate(before),
        false => rest.extend_from_slice(b"}}"),
    }
}
