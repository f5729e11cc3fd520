//! The digest of a stored Parquet shard: levels and values are read back, row group by row group, and digested as they
//! were when they were written. How they were compressed and encoded does not enter.

use std::panic::catch_unwind;

use bytes::Bytes;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{FileReader as _, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;
use xxhash_rust::xxh3::Xxh3;

use crate::columns::file::CONTENT_BYTES_KEY;
use crate::columns::leaf::{LeafValues, digest};
use crate::columns::thrift::{check_footer, check_pages};
use crate::digest::ContentDigest;
use crate::gunzip::InputError;

/// Digests a stored Parquet shard: (digest, bytes of its items as JSON). Memory is that of one column of a row group.
///
/// # Errors
/// The shard is not whole, or none of ours.
pub(crate) fn content_digest_of_parquet(
    stored: &[u8],
) -> std::result::Result<(ContentDigest, u64), InputError> {
    // The reader checks no sums, and some lengths of a damaged file make it panic.
    let read = catch_unwind(|| read(Bytes::copy_from_slice(stored)));
    read.unwrap_or_else(|_| Err(ParquetError::General("the reader gave up".to_owned())))
        .map_err(|_| InputError::CorruptParquet)
}

fn read(stored: Bytes) -> Result<(ContentDigest, u64)> {
    check_footer(&stored)?;
    let file = SerializedFileReader::new(stored.clone())?;
    check_pages(&stored, file.metadata())?;
    let pairs = file.metadata().file_metadata().key_value_metadata();
    let said = pairs.into_iter().flatten().find(|pair| pair.key == CONTENT_BYTES_KEY);
    let content_bytes = said.and_then(|pair| pair.value.as_ref()?.parse().ok());
    let content_bytes =
        content_bytes.ok_or_else(|| ParquetError::General("no length of the content".to_owned()))?;
    let mut content = Xxh3::new();
    for group in 0..file.num_row_groups() {
        let group = file.get_row_group(group)?;
        for column in 0..group.num_columns() {
            digest_column(&*group, column, &mut content)?;
        }
    }
    Ok((ContentDigest(content.digest128()), content_bytes))
}

fn digest_column(group: &dyn RowGroupReader, column: usize, content: &mut Xxh3) -> Result<()> {
    let shape = group.metadata().column(column).column_descr_ptr();
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    let (mut defs, mut reps, mut values) = (Vec::new(), Vec::new(), LeafValues::default());
    let has_defs = shape.max_def_level() > 0;
    let has_reps = shape.max_rep_level() > 0;
    let mut levels =
        Levels { rows, defs: has_defs.then_some(&mut defs), reps: has_reps.then_some(&mut reps) };
    match group.get_column_reader(column)? {
        ColumnReader::BoolColumnReader(reader) => levels.read(reader, &mut values.bools)?,
        ColumnReader::Int64ColumnReader(reader) => levels.read(reader, &mut values.ints)?,
        ColumnReader::ByteArrayColumnReader(reader) => {
            let mut arrays = Vec::new();
            levels.read(reader, &mut arrays)?;
            for array in &arrays {
                values.lengths.push(array.len() as u32);
                values.bytes.extend_from_slice(array.data());
            }
        }
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            let mut arrays = Vec::new();
            levels.read(reader, &mut arrays)?;
            arrays.iter().for_each(|array| values.bytes.extend_from_slice(array.data()));
        }
        _ => return Err(ParquetError::General("a column of a type that is none of ours".to_owned())),
    }
    digest(&defs, &reps, &values, content);
    Ok(())
}

/// Where the levels of a column chunk go that has them.
struct Levels<'a> {
    rows: usize,
    defs: Option<&'a mut Vec<i16>>,
    reps: Option<&'a mut Vec<i16>>,
}

impl Levels<'_> {
    /// All of the column chunk.
    fn read<T: DataType>(&mut self, mut reader: ColumnReaderImpl<T>, values: &mut Vec<T::T>) -> Result<()> {
        let mut left = self.rows;
        while left > 0 {
            let (defs, reps) = (self.defs.as_deref_mut(), self.reps.as_deref_mut());
            let (records, _, _) = reader.read_records(left, defs, reps, values)?;
            if records == 0 {
                return Err(ParquetError::General("a column ends before its row group".to_owned()));
            }
            left -= records;
        }
        Ok(())
    }
}
