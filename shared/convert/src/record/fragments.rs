//! The parts of a change record that are the same for all records of a recipe.

use crate::recipe::{ExtraField, Format, KinesisPrecision, RecipeSpec, TableIdentity};
use crate::record::identity::IdForm;

/// In the order of the record: `before_id` id `before_name` name `before_time` time `before_keys` keys, images, sequence,
/// size, `after_size`.
pub(crate) struct Fragments {
    pub(crate) before_id: Vec<u8>,
    pub(crate) id_form: IdForm,
    pub(crate) before_name: Vec<u8>,
    pub(crate) before_time: Vec<u8>,
    pub(crate) before_keys: Vec<u8>,
    /// `"name":` each, the second with a comma before it.
    pub(crate) key_names: Vec<Vec<u8>>,
    pub(crate) has_new_image: bool,
    pub(crate) has_old_image: bool,
    pub(crate) has_sequence: bool,
    pub(crate) after_size: Vec<u8>,
}

impl Fragments {
    pub(crate) fn new(spec: &RecipeSpec, extra: &[u8]) -> Fragments {
        let table = spec.table.as_ref().expect("a recipe of change records has a table");
        match spec.format {
            Format::Kinesis => kinesis(spec, table, extra),
            _ => stream(spec, table, extra),
        }
    }
}

const BEFORE_NAME: &[u8] = br#"","eventName":""#;
const BEFORE_KEYS: &[u8] = br#","Keys":{"#;

fn stream(spec: &RecipeSpec, table: &TableIdentity, extra: &[u8]) -> Fragments {
    let before_time = [
        r#"","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"#,
        &quoted(&table.region),
        r#","dynamodb":{"ApproximateCreationDateTime":"#,
    ];
    let after_size = [
        r#","StreamViewType":""#,
        &spec.view.to_string(),
        r#""},"eventSourceARN":"#,
        &quoted(&table.stream_arn),
    ];
    Fragments {
        before_id: br#"{"eventID":""#.to_vec(),
        id_form: IdForm::Hex,
        before_name: BEFORE_NAME.to_vec(),
        before_time: before_time.concat().into_bytes(),
        before_keys: BEFORE_KEYS.to_vec(),
        key_names: key_names(&spec.keys),
        has_new_image: spec.view.has_new_image(),
        has_old_image: spec.view.has_old_image(),
        has_sequence: true,
        after_size: [after_size.concat().as_bytes(), extra, b"}"].concat(),
    }
}

/// Both images are always there, if they are known: Kinesis has no views.
fn kinesis(spec: &RecipeSpec, table: &TableIdentity, extra: &[u8]) -> Fragments {
    let precision = match spec.kinesis_precision {
        KinesisPrecision::Millisecond => "",
        KinesisPrecision::Microsecond => r#","ApproximateCreationDateTimePrecision":"MICROSECOND""#,
    };
    let before_id = [r#"{"awsRegion":"#, &quoted(&table.region), r#","eventID":""#];
    let before_time = [
        r#"","userIdentity":null,"recordFormat":"application/json","tableName":"#,
        &quoted(&table.name),
        r#","dynamodb":{"ApproximateCreationDateTime":"#,
    ];
    let after_size = [precision, r#"},"eventSource":"aws:dynamodb""#];
    Fragments {
        before_id: before_id.concat().into_bytes(),
        id_form: IdForm::Uuid,
        before_name: BEFORE_NAME.to_vec(),
        before_time: before_time.concat().into_bytes(),
        before_keys: BEFORE_KEYS.to_vec(),
        key_names: key_names(&spec.keys),
        has_new_image: true,
        has_old_image: true,
        has_sequence: false,
        after_size: [after_size.concat().as_bytes(), extra, b"}"].concat(),
    }
}

fn key_names(keys: &[String]) -> Vec<Vec<u8>> {
    let name = |(index, key): (usize, &String)| {
        let comma = if index == 0 { "" } else { "," };
        format!("{comma}{}:", quoted(key)).into_bytes()
    };
    keys.iter().enumerate().map(name).collect()
}

/// `,"name":value` for each.
pub(crate) fn extra_fields(fields: &[ExtraField]) -> Vec<u8> {
    let field = |field: &ExtraField| format!(",{}:{}", quoted(&field.name), field.json);
    fields.iter().map(field).collect::<String>().into_bytes()
}

/// `text` as a JSON string.
fn quoted(text: &str) -> String {
    let mut json = String::from('"');
    for char in text.chars() {
        match char {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\0'..='\x1f' => json.push_str(&format!("\\u{:04x}", char as u32)),
            _ => json.push(char),
        }
    }
    json.push('"');
    json
}
