//! Rows on their way into files: gathered to row groups, which bound memory, and row groups to shards.

use std::ops::Range;

use parquet::errors::Result;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::TypePtr;
use xxhash_rust::xxh3::Xxh3;

use crate::columns::file::{REST, key_values, leading, properties, row_type};
use crate::columns::leaf::Leaf;
use crate::columns::schema::Schema;
use crate::columns::shape::{Builder, Node};
use crate::columns::shred::Shredder;
use crate::digest::ContentDigest;
use crate::limits::{ROW_GROUP_BYTES, ROW_GROUP_CELLS, ROW_GROUP_ROWS};
use crate::recipe::Compression;
use crate::scan::Attribute;
use crate::shard::Shard;

const WRITTEN: &str = "a checked schema and rows that fit it make a file in memory";

/// One row: a record on its way into columns.
pub(crate) struct Row<'a> {
    /// What the ranges are into.
    pub(crate) line: &'a [u8],
    /// Of the item as it is; of its keys if it was removed.
    pub(crate) attributes: &'a [Attribute],
    /// Where they stand, for the length of the content.
    pub(crate) range: Range<usize>,
    /// The item as it was, as DynamoDB JSON.
    pub(crate) old_image: Option<&'a [u8]>,
    pub(crate) event_name: &'static str,
    /// Epoch microseconds.
    pub(crate) micros: i64,
    /// 21 digits.
    pub(crate) sequence: &'a [u8],
}

/// Takes rows, gives shards.
pub(crate) struct Columns {
    schema_json: String,
    row_type: TypePtr,
    properties: WriterPropertiesPtr,
    shard_bytes_max: u64,
    source: Vec<u8>,
    node: Node,
    /// Our own columns before the attributes.
    leading: Vec<Leaf>,
    shredder: Shredder,
    rest: Leaf,
    rest_text: Vec<u8>,
    group_rows_max: u64,
    /// Of the row group that is open.
    group: Extent,
    shard: Option<Open>,
    spare: Vec<u8>,
    index: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    rows: u64,
    bytes: u64,
}

/// The shard that is open, as far as it is written.
struct Open {
    writer: SerializedFileWriter<Vec<u8>>,
    content: Xxh3,
    written: Extent,
}

impl Columns {
    /// Shards from number `index` on, none with more than `shard_bytes_max` bytes of items, unless one alone has more.
    pub(crate) fn new(
        schema: &Schema,
        compression: Compression,
        shard_bytes_max: u64,
        source: &str,
        old_images: bool,
        index: u32,
    ) -> Columns {
        let mut builder = Builder { leaves: Vec::new() };
        let node = builder.row(schema);
        let leaves = (leading(old_images).len() + builder.leaves.len() + 1) as u64;
        Columns {
            schema_json: serde_json::to_string(schema).expect("a schema is plain data"),
            row_type: row_type(schema, old_images).expect("a checked schema has a type"),
            properties: properties(compression),
            shard_bytes_max,
            source: source.as_bytes().to_vec(),
            node,
            leading: leading(old_images).into_iter().map(Leaf::new).collect(),
            shredder: Shredder::new(builder.leaves.into_iter().map(Leaf::new).collect()),
            rest: Leaf::new(REST),
            rest_text: Vec::new(),
            group_rows_max: ROW_GROUP_ROWS.min(ROW_GROUP_CELLS / leaves),
            group: Extent::default(),
            shard: None,
            spare: Vec::new(),
            index,
        }
    }

    /// Takes a row; gives the shard that had to end before it.
    pub(crate) fn append(&mut self, row: &Row) -> Option<Shard> {
        let bytes = (row.range.len() + row.old_image.map_or(0, <[u8]>::len)) as u64;
        let open = self.extent();
        let ended = match open.rows > 0 && open.bytes + bytes > self.shard_bytes_max {
            true => self.end_shard(),
            false => None,
        };
        self.put(row);
        self.group.rows += 1;
        self.group.bytes += bytes;
        if self.group.rows >= self.group_rows_max || self.group.bytes >= ROW_GROUP_BYTES {
            self.end_group();
        }
        ended
    }

    /// Bytes of items in the shard that is open.
    pub(crate) fn open_bytes(&self) -> u64 {
        self.extent().bytes
    }

    /// The shard that is open, if it holds anything.
    pub(crate) fn end_shard(&mut self) -> Option<Shard> {
        (self.extent().rows > 0).then(|| self.end_shard_even_empty())
    }

    /// The shard that is open, be it empty.
    pub(crate) fn end_shard_even_empty(&mut self) -> Shard {
        self.end_group();
        let mut open = self.open();
        for pair in key_values(&self.schema_json, open.written.bytes) {
            open.writer.append_key_value_metadata(pair);
        }
        let shard = Shard {
            index: self.index,
            bytes: open.writer.into_inner().expect(WRITTEN),
            records: open.written.rows,
            content_bytes: open.written.bytes,
            content_digest: ContentDigest(open.content.digest128()),
            originals: Vec::new(),
        };
        self.index += 1;
        shard
    }

    /// Takes memory for a later shard.
    pub(crate) fn reuse(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.spare = buffer;
    }

    fn extent(&self) -> Extent {
        let written = self.shard.as_ref().map_or(Extent::default(), |open| open.written);
        Extent { rows: written.rows + self.group.rows, bytes: written.bytes + self.group.bytes }
    }

    fn put(&mut self, row: &Row) {
        let [event_name, source, time, sequence, old_image @ ..] = self.leading.as_mut_slice() else {
            unreachable!("there are four columns of ours at least")
        };
        event_name.bytes(0, row.event_name.as_bytes());
        source.bytes(0, &self.source);
        time.int(row.micros);
        sequence.bytes(0, row.sequence);
        if let [old_image] = old_image {
            match row.old_image {
                Some(image) => old_image.bytes(0, image),
                None => old_image.null(0, 0),
            }
        }
        self.rest_text.clear();
        self.shredder.row(&self.node, row.line, row.attributes, &mut self.rest_text);
        match self.rest_text.is_empty() {
            true => self.rest.null(0, 0),
            false => self.rest.bytes_by(0, |bytes| {
                bytes.push(b'{');
                bytes.extend_from_slice(&self.rest_text);
                bytes.push(b'}');
            }),
        }
    }

    fn open(&mut self) -> Open {
        self.shard.take().unwrap_or_else(|| {
            let memory = std::mem::take(&mut self.spare);
            let writer = SerializedFileWriter::new(memory, self.row_type.clone(), self.properties.clone());
            Open { writer: writer.expect(WRITTEN), content: Xxh3::new(), written: Extent::default() }
        })
    }

    fn end_group(&mut self) {
        if self.group.rows == 0 {
            return;
        }
        let mut open = self.open();
        self.write_group(&mut open).expect(WRITTEN);
        open.written.rows += self.group.rows;
        open.written.bytes += self.group.bytes;
        self.group = Extent::default();
        self.shard = Some(open);
    }

    fn write_group(&mut self, open: &mut Open) -> Result<()> {
        let mut group = open.writer.next_row_group()?;
        let leaves = self.leading.iter_mut().chain(&mut self.shredder.leaves).chain([&mut self.rest]);
        for leaf in leaves {
            leaf.digest(&mut open.content);
            leaf.write(group.next_column()?.expect("as many columns as leaves"))?;
        }
        group.close()?;
        Ok(())
    }
}
