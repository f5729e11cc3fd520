//! `census`: what every attribute of an export was seen as, and the columns that follow from it.

use std::fs;

use backfleet::census::take;
use backfleet::plan::{PlanningError, files};
use backfleet::spec::SourceRequest;
use backfleet_convert::{Census, Kind, Schema, Seen};
use backfleet_worker::location::{Connections, Location};
use serde_json::json;

use super::say;
use crate::cli::{CensusArgs, Output};
use crate::failure::{Exit, Failure};
use crate::size::{count, print};

/// Names of attributes longer than this are cut in the table.
const NAME_CHARS_MAX: usize = 40;

/// `backfleet census`.
pub async fn census(args: &CensusArgs, output: &Output, connections: &Connections) -> Result<Exit, Failure> {
    let locations: Vec<Location> =
        args.source.iter().map(|text| Location::parse(text)).collect::<Result<_, _>>()?;
    let request = SourceRequest {
        no_manifest: args.no_manifest,
        export_view: args.export_view.clone(),
        allow_overlap: args.allow_overlap,
    };
    let files = files(&locations, &request, connections).await?;
    let census = take(&files, None).await.map_err(PlanningError::from)?;
    let schema = match args.typed {
        true => Schema::typed(&census, &args.keys),
        false => Schema::auto(&census, &args.keys),
    };
    if let Some(path) = &args.save {
        let mut json = serde_json::to_vec_pretty(&schema).expect("a schema is plain data");
        json.push(b'\n');
        fs::write(path, json).map_err(|source| {
            let path = path.display().to_string();
            Failure::usage(source, Some(format!("give --save another place than {path}")))
        })?;
    }
    let mut text = table(&census, &schema);
    if let Some(path) = &args.save {
        text += &format!("\nschema written to {}: give it with --format parquet --schema", path.display());
    }
    say(output, Exit::Done, &text, || json!({"census": census, "schema": schema}));
    Ok(Exit::Done)
}

fn table(census: &Census, schema: &Schema) -> String {
    let mut rows = vec![["attribute", "present", "types", "digits", "longest", "column"].map(str::to_owned)];
    let mut attributes: Vec<_> = census.attributes.iter().collect();
    attributes.sort_by_key(|(name, seen)| (std::cmp::Reverse(seen.present()), *name));
    for (name, seen) in attributes {
        let column = schema.columns.iter().find(|column| column.attribute == **name);
        rows.push([
            shown(name),
            share(seen.present(), census.items),
            types(seen),
            digits(seen),
            print(seen.bytes_max),
            column.map_or("none: stands in _rest".to_owned(), |column| described(&column.column)),
        ]);
    }
    let mut text = columns(&rows);
    text += &format!("\n{} items, {} attributes", count(census.items), count(census.attributes.len() as u64));
    text
}

fn columns(rows: &[[String; 6]]) -> String {
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn shown(name: &str) -> String {
    let escaped: String = name.escape_debug().collect();
    match escaped.chars().count() > NAME_CHARS_MAX {
        true => escaped.chars().take(NAME_CHARS_MAX - 1).chain(['…']).collect(),
        false => escaped,
    }
}

/// In tenths of a percent; what is not everywhere is not 100 %.
fn share(present: u64, items: u64) -> String {
    if present >= items {
        return "100 %".to_owned();
    }
    let tenths = u128::from(present) * 1000 / u128::from(items.max(1));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

fn types(seen: &Seen) -> String {
    let one = |(tag, times): (&backfleet_convert::Tag, &u64)| match seen.types.len() {
        1 => tag.to_string(),
        _ => format!("{tag} {}", count(*times)),
    };
    let mut text = seen.types.iter().map(one).collect::<Vec<_>>().join(", ");
    if seen.depth() > 0 {
        text += &format!(" ({} deep)", seen.depth());
    }
    text
}

fn digits(seen: &Seen) -> String {
    match (seen.whole_digits, seen.fraction_digits) {
        (0, 0) => String::new(),
        (whole, 0) => whole.to_string(),
        (whole, fraction) => format!("{whole}.{fraction}"),
    }
}

/// A column's type as people of the field write it.
fn described(kind: &Kind) -> String {
    match kind {
        Kind::String => "string".to_owned(),
        Kind::Decimal { scale } => format!("decimal(38,{scale})"),
        Kind::NumberText => "string (number)".to_owned(),
        Kind::Bool | Kind::Null => "boolean".to_owned(),
        Kind::Binary => "binary".to_owned(),
        Kind::List { element, .. } => format!("list<{}>", described(element)),
        Kind::Struct { fields } if fields.len() > 4 => format!("struct of {} fields", fields.len()),
        Kind::Struct { fields } => {
            let field =
                |field: &backfleet_convert::Field| format!("{}: {}", field.name, described(&field.column));
            format!("struct<{}>", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        Kind::Map { value } => format!("map<string, {}>", described(value)),
        Kind::Typed { members } => {
            let names = members.iter().map(|member| member.r#type.name());
            format!("struct by type <{}>", names.collect::<Vec<_>>().join(", "))
        }
    }
}
