//! Parquet files: the schema as the format says it, and what else decides a file's bytes.

use std::sync::Arc;

use parquet::basic::{
    Compression as Codec, LogicalType, Repetition, TimeUnit, Type as PhysicalType, ZstdLevel,
};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr, WriterVersion};
use parquet::schema::types::{Type, TypePtr};

use crate::columns::schema::{Kind, OWN_COLUMNS, PRECISION, Schema};
use crate::columns::shape::{LeafShape, Levels, Physical};
use crate::recipe::Compression;

/// zstd's own default, as for the other formats.
const ZSTD_LEVEL: i32 = 3;

/// The schema of a file's attributes, as JSON.
pub(super) const SCHEMA_KEY: &str = "backfleet.schema";
/// Length of the items in a file, as JSON, in bytes.
pub(super) const CONTENT_BYTES_KEY: &str = "backfleet.content-bytes";

const REQUIRED: Levels = Levels { def: 0, rep: 0 };
const OPTIONAL: Levels = Levels { def: 1, rep: 0 };

/// Our own columns before the attributes, in order.
pub(super) fn leading(old_images: bool) -> Vec<LeafShape> {
    let bytes = |levels| LeafShape { physical: Physical::Bytes, levels };
    let mut leaves = vec![
        bytes(REQUIRED),
        bytes(REQUIRED),
        LeafShape { physical: Physical::Int64, levels: REQUIRED },
        bytes(REQUIRED),
    ];
    if old_images {
        leaves.push(bytes(OPTIONAL));
    }
    leaves
}

/// `_rest`, behind the attributes.
pub(super) const REST: LeafShape = LeafShape { physical: Physical::Bytes, levels: OPTIONAL };

/// The whole row.
pub(super) fn row_type(schema: &Schema, old_images: bool) -> Result<TypePtr> {
    let [event_name, source, time, sequence, old_image, rest] = OWN_COLUMNS;
    let required = |name| text(name, Repetition::REQUIRED);
    let timestamp = LogicalType::timestamp(true, TimeUnit::MICROS);
    let time = Type::primitive_type_builder(time, PhysicalType::INT64)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(timestamp))
        .build()?;
    let mut fields = vec![required(event_name)?, required(source)?, Arc::new(time), required(sequence)?];
    if old_images {
        fields.push(text(old_image, Repetition::OPTIONAL)?);
    }
    for column in &schema.columns {
        fields.push(node(&column.attribute, &column.column)?);
    }
    fields.push(text(rest, Repetition::OPTIONAL)?);
    Ok(Arc::new(Type::group_type_builder("item").with_fields(fields).build()?))
}

fn text(name: &str, repetition: Repetition) -> Result<TypePtr> {
    let builder = Type::primitive_type_builder(name, PhysicalType::BYTE_ARRAY).with_repetition(repetition);
    Ok(Arc::new(builder.with_logical_type(Some(LogicalType::String)).build()?))
}

fn node(name: &str, kind: &Kind) -> Result<TypePtr> {
    let scalar = |physical: Physical| {
        Type::primitive_type_builder(name, physical.parquet()).with_repetition(Repetition::OPTIONAL)
    };
    Ok(match kind {
        Kind::String | Kind::NumberText => text(name, Repetition::OPTIONAL)?,
        Kind::Bool | Kind::Null => Arc::new(scalar(Physical::Bool).build()?),
        Kind::Binary => Arc::new(scalar(Physical::Bytes).build()?),
        Kind::Decimal { scale } => {
            let (scale, precision) = (*scale as i32, PRECISION as i32);
            let builder = scalar(Physical::Decimal)
                .with_length(16)
                .with_logical_type(Some(LogicalType::decimal(scale, precision)))
                .with_precision(precision)
                .with_scale(scale);
            Arc::new(builder.build()?)
        }
        Kind::List { element, .. } => {
            let repeated = group("list", Repetition::REPEATED, None, vec![node("element", element)?])?;
            group(name, Repetition::OPTIONAL, Some(LogicalType::List), vec![repeated])?
        }
        Kind::Map { value } => {
            let entry = vec![text("key", Repetition::REQUIRED)?, node("value", value)?];
            let repeated = group("key_value", Repetition::REPEATED, None, entry)?;
            group(name, Repetition::OPTIONAL, Some(LogicalType::Map), vec![repeated])?
        }
        Kind::Struct { fields } => {
            let fields = fields.iter().map(|field| node(&field.name, &field.column));
            group(name, Repetition::OPTIONAL, None, fields.collect::<Result<_>>()?)?
        }
        Kind::Typed { members } => {
            let members = members.iter().map(|member| node(member.r#type.name(), &member.column));
            group(name, Repetition::OPTIONAL, None, members.collect::<Result<_>>()?)?
        }
    })
}

fn group(
    name: &str,
    repetition: Repetition,
    logical: Option<LogicalType>,
    fields: Vec<TypePtr>,
) -> Result<TypePtr> {
    let builder = Type::group_type_builder(name).with_repetition(repetition).with_logical_type(logical);
    Ok(Arc::new(builder.with_fields(fields).build()?))
}

/// No time, no name of a version: the same rows are the same bytes.
pub(super) fn properties(compression: Compression) -> WriterPropertiesPtr {
    let codec = match compression {
        Compression::Zstd => Codec::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL).expect("zstd has this level")),
        Compression::Snappy => Codec::SNAPPY,
        Compression::None => Codec::UNCOMPRESSED,
        Compression::Gzip => unreachable!("a recipe has no Parquet in gzip"),
    };
    let properties = WriterProperties::builder()
        .set_created_by("backfleet".to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(codec);
    Arc::new(properties.build())
}

/// What a file says of itself.
pub(super) fn key_values(schema_json: &str, content_bytes: u64) -> [KeyValue; 2] {
    [
        KeyValue::new(SCHEMA_KEY.to_owned(), schema_json.to_owned()),
        KeyValue::new(CONTENT_BYTES_KEY.to_owned(), content_bytes.to_string()),
    ]
}
