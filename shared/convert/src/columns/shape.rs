//! The shape of a row: the schema's columns as a tree whose leaves are columns of the file, each node with its levels.
//!
//! A leaf's definition level tells how much of the way to it is there; its repetition level, which list goes on
//! (Apache Parquet format, "Nested Encoding").

use std::ops::Range;

use crate::columns::schema::{Kind, Schema};
use crate::scan::Tag;

/// A place in a row where a value may stand.
#[derive(Debug)]
pub(super) struct Node {
    /// Its leaves, by their numbers.
    pub(super) leaves: Range<usize>,
    /// Definition level at which there is a value here.
    pub(super) def: i16,
    pub(super) form: Form,
}

/// What may stand at a node.
#[derive(Debug)]
pub(super) enum Form {
    Leaf(Scalar),
    /// Elements repeat at level `rep`; where there are any, the definition level is one more than the list's.
    List {
        of: Tag,
        rep: i16,
        element: Box<Node>,
    },
    /// Names in byte order, each with the place of its child.
    Struct {
        names: Vec<(Vec<u8>, usize)>,
        children: Vec<(Vec<u8>, Node)>,
    },
    /// Entries repeat at level `rep`; the first leaf holds their names.
    Map {
        rep: i16,
        value: Box<Node>,
    },
    Typed(Vec<(Tag, Node)>),
}

/// What a leaf holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    String,
    Decimal(u32),
    NumberText,
    Bool,
    Null,
    Binary,
}

/// Highest levels of a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Levels {
    pub(super) def: i16,
    pub(super) rep: i16,
}

/// A leaf as the file stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LeafShape {
    pub(super) physical: Physical,
    pub(super) levels: Levels,
}

/// How values of a leaf lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Physical {
    Bytes,
    /// Sixteen bytes each, big-endian two's complement.
    Decimal,
    Bool,
    Int64,
}

/// Builds the tree, noting the leaves on its way.
pub(super) struct Builder {
    pub(super) leaves: Vec<LeafShape>,
}

impl Builder {
    /// The attributes as fields of the row itself, which is always there.
    pub(super) fn row(&mut self, schema: &Schema) -> Node {
        let fields = schema.columns.iter().map(|column| (column.attribute.as_str(), &column.column));
        self.fields(fields, Levels { def: 0, rep: 0 })
    }

    fn node(&mut self, kind: &Kind, around: Levels) -> Node {
        let here = Levels { def: around.def + 1, ..around };
        let begin = self.leaves.len();
        let form = match kind {
            Kind::String => self.leaf(Scalar::String, Physical::Bytes, here),
            Kind::Decimal { scale } => self.leaf(Scalar::Decimal(*scale), Physical::Decimal, here),
            Kind::NumberText => self.leaf(Scalar::NumberText, Physical::Bytes, here),
            Kind::Bool => self.leaf(Scalar::Bool, Physical::Bool, here),
            Kind::Null => self.leaf(Scalar::Null, Physical::Bool, here),
            Kind::Binary => self.leaf(Scalar::Binary, Physical::Bytes, here),
            Kind::List { of, element } => {
                let inside = Levels { def: here.def + 1, rep: here.rep + 1 };
                Form::List { of: *of, rep: inside.rep, element: Box::new(self.node(element, inside)) }
            }
            Kind::Map { value } => {
                let inside = Levels { def: here.def + 1, rep: here.rep + 1 };
                self.leaves.push(LeafShape { physical: Physical::Bytes, levels: inside });
                Form::Map { rep: inside.rep, value: Box::new(self.node(value, inside)) }
            }
            Kind::Struct { fields } => {
                let fields = fields.iter().map(|field| (field.name.as_str(), &field.column));
                return self.fields(fields, here);
            }
            Kind::Typed { members } => Form::Typed(
                members.iter().map(|member| (member.r#type, self.node(&member.column, here))).collect(),
            ),
        };
        Node { leaves: begin..self.leaves.len(), def: here.def, form }
    }

    fn fields<'s>(&mut self, fields: impl Iterator<Item = (&'s str, &'s Kind)>, here: Levels) -> Node {
        let begin = self.leaves.len();
        let children: Vec<(Vec<u8>, Node)> =
            fields.map(|(name, kind)| (name.as_bytes().to_vec(), self.node(kind, here))).collect();
        let mut names: Vec<(Vec<u8>, usize)> =
            children.iter().enumerate().map(|(place, (name, _))| (name.clone(), place)).collect();
        names.sort_unstable();
        let form = Form::Struct { names, children };
        Node { leaves: begin..self.leaves.len(), def: here.def, form }
    }

    fn leaf(&mut self, scalar: Scalar, physical: Physical, levels: Levels) -> Form {
        self.leaves.push(LeafShape { physical, levels });
        Form::Leaf(scalar)
    }
}

/// The child of that name.
pub(super) fn place_of(names: &[(Vec<u8>, usize)], name: &[u8]) -> Option<usize> {
    names.binary_search_by(|(known, _)| known.as_slice().cmp(name)).ok().map(|at| names[at].1)
}
