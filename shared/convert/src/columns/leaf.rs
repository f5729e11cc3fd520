//! Leaves: the values of one column of the file, gathered for a row group, with their levels.

use bytes::Bytes;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type,
};
use parquet::errors::Result;
use parquet::file::writer::SerializedColumnWriter;
use xxhash_rust::xxh3::Xxh3;

use crate::columns::shape::{LeafShape, Physical};

/// Bytes of a decimal of 38 digits.
const DECIMAL_BYTES: usize = 16;

/// Decimals that share one allocation.
const DECIMALS_SHARED: usize = 64;

/// One column of one row group.
pub(super) struct Leaf {
    pub(super) shape: LeafShape,
    pub(super) defs: Vec<i16>,
    pub(super) reps: Vec<i16>,
    pub(super) values: LeafValues,
}

/// Values in the order of the rows; what is null has none.
#[derive(Debug, Default)]
pub(super) struct LeafValues {
    /// Of byte arrays and decimals, one behind the other.
    pub(super) bytes: Vec<u8>,
    /// Length of each byte array.
    pub(super) lengths: Vec<u32>,
    pub(super) bools: Vec<bool>,
    pub(super) ints: Vec<i64>,
}

impl Leaf {
    pub(super) fn new(shape: LeafShape) -> Leaf {
        Leaf { shape, defs: Vec::new(), reps: Vec::new(), values: LeafValues::default() }
    }

    #[inline]
    fn level(&mut self, rep: i16, def: i16) {
        if self.shape.levels.def > 0 {
            self.defs.push(def);
        }
        if self.shape.levels.rep > 0 {
            self.reps.push(rep);
        }
    }

    /// No value, with what is there of the way to it.
    #[inline]
    pub(super) fn null(&mut self, rep: i16, def: i16) {
        self.level(rep, def);
    }

    #[inline]
    pub(super) fn bytes(&mut self, rep: i16, value: &[u8]) {
        self.level(rep, self.shape.levels.def);
        self.values.bytes.extend_from_slice(value);
        self.values.lengths.push(value.len() as u32);
    }

    /// A byte array that `write` appends.
    pub(super) fn bytes_by(&mut self, rep: i16, write: impl FnOnce(&mut Vec<u8>)) {
        self.level(rep, self.shape.levels.def);
        let start = self.values.bytes.len();
        write(&mut self.values.bytes);
        self.values.lengths.push((self.values.bytes.len() - start) as u32);
    }

    pub(super) fn decimal(&mut self, rep: i16, value: i128) {
        self.level(rep, self.shape.levels.def);
        self.values.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn bool(&mut self, rep: i16, value: bool) {
        self.level(rep, self.shape.levels.def);
        self.values.bools.push(value);
    }

    pub(super) fn int(&mut self, value: i64) {
        self.level(0, self.shape.levels.def);
        self.values.ints.push(value);
    }

    /// Adds levels and values to the digest of a shard's content.
    pub(super) fn digest(&self, content: &mut Xxh3) {
        digest(&self.defs, &self.reps, &self.values, content);
    }

    /// Writes the column chunk and forgets what was gathered.
    pub(super) fn write(&mut self, mut column: SerializedColumnWriter<'_>) -> Result<()> {
        let levels = self.shape.levels;
        let defs = (levels.def > 0).then_some(self.defs.as_slice());
        let reps = (levels.rep > 0).then_some(self.reps.as_slice());
        match column.untyped() {
            ColumnWriter::BoolColumnWriter(_) => {
                column.typed::<BoolType>().write_batch(&self.values.bools, defs, reps)?;
            }
            ColumnWriter::Int64ColumnWriter(_) => {
                column.typed::<Int64Type>().write_batch(&self.values.ints, defs, reps)?;
            }
            ColumnWriter::FixedLenByteArrayColumnWriter(_) => {
                let values: Vec<FixedLenByteArray> = self.values.decimals().collect();
                column.typed::<FixedLenByteArrayType>().write_batch(&values, defs, reps)?;
            }
            _ => {
                let values: Vec<ByteArray> = self.values.byte_arrays().collect();
                column.typed::<ByteArrayType>().write_batch(&values, defs, reps)?;
            }
        }
        self.defs.clear();
        self.reps.clear();
        self.values.clear();
        column.close()
    }
}

impl LeafValues {
    /// Byte arrays that share one memory, which is given away.
    fn byte_arrays(&mut self) -> impl Iterator<Item = ByteArray> {
        let shared = Bytes::from(std::mem::take(&mut self.bytes));
        let mut at = 0;
        self.lengths.iter().map(move |length| {
            at += *length as usize;
            ByteArray::from(shared.slice(at - *length as usize..at))
        })
    }

    /// Decimals, a few to a memory: the least and the greatest stay with the file until it is whole, and whatever shares
    /// their memory stays with them.
    fn decimals(&self) -> impl Iterator<Item = FixedLenByteArray> {
        self.bytes.chunks(DECIMALS_SHARED * DECIMAL_BYTES).flat_map(|some| {
            let shared = Bytes::copy_from_slice(some);
            let starts = (0..some.len()).step_by(DECIMAL_BYTES);
            starts.map(move |at| ByteArray::from(shared.slice(at..at + DECIMAL_BYTES)).into())
        })
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.lengths.clear();
        self.bools.clear();
        self.ints.clear();
    }
}

/// Each list with its length before it, so that no two columns give the same bytes.
pub(super) fn digest(defs: &[i16], reps: &[i16], values: &LeafValues, content: &mut Xxh3) {
    let mut part = |bytes: &[u8]| {
        content.update(&(bytes.len() as u64).to_le_bytes());
        content.update(bytes);
    };
    let levels = |levels: &[i16]| levels.iter().map(|level| *level as u8).collect::<Vec<u8>>();
    part(&levels(defs));
    part(&levels(reps));
    part(&values.lengths.iter().flat_map(|length| length.to_le_bytes()).collect::<Vec<u8>>());
    part(&values.bytes);
    part(&values.bools.iter().map(|value| u8::from(*value)).collect::<Vec<u8>>());
    part(&values.ints.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
}

impl Physical {
    /// Its name in the file.
    pub(super) fn parquet(self) -> parquet::basic::Type {
        match self {
            Physical::Bytes => parquet::basic::Type::BYTE_ARRAY,
            Physical::Decimal => parquet::basic::Type::FIXED_LEN_BYTE_ARRAY,
            Physical::Bool => parquet::basic::Type::BOOLEAN,
            Physical::Int64 => parquet::basic::Type::INT64,
        }
    }
}
