use super::*;
use crate::input::Content;
use crate::scan::{Scanner, Tag};

fn census(lines: &[&str]) -> Census {
    let mut census = Census::default();
    let mut scanner = Scanner::new(&[], true, Content::Items);
    for line in lines {
        let line = format!("{{\"Item\":{{{line}}}}}");
        let item = scanner.scan(line.as_bytes()).unwrap();
        census.add(line.as_bytes(), &item.image.attributes).unwrap();
    }
    census
}

fn auto(lines: &[&str]) -> String {
    let schema = Schema::auto(&census(lines), &["pk".to_owned()]);
    schema.check().unwrap();
    let json = serde_json::to_string(&schema.columns).unwrap();
    json.replace('"', "")
}

#[test]
fn a_census_counts_types_digits_and_fields() {
    let census = census(&[
        r#""a":{"N":"-12.50"},"m":{"M":{"x":{"S":"1"}}}"#,
        r#""a":{"N":"0.001"},"m":{"M":{"x":{"S":"22"},"y":{"NULL":true}}},"l":{"L":[{"N":"1e3"},{"L":[]}]}"#,
        r#""a":{"NULL":true}"#,
    ]);
    let a = &census.attributes["a"];
    assert_eq!((census.items, a.present(), a.single()), (3, 2, Some(Tag::N)));
    assert_eq!((a.whole_digits, a.fraction_digits, a.bytes_max), (2, 3, r#"{"N":"-12.50"}"#.len() as u64));
    let m = &census.attributes["m"];
    assert_eq!((m.depth(), m.fields["x"].types[&Tag::S], m.fields["y"].types[&Tag::Null]), (1, 2, 1));
    let l = &census.attributes["l"];
    let elements = l.elements.as_ref().unwrap();
    assert_eq!((l.depth(), elements.single(), elements.whole_digits), (2, None, 4));
}

#[test]
fn names_that_are_data_become_a_map_of_any_names() {
    let map = |names: std::ops::Range<u32>| {
        let fields: Vec<String> = names.map(|n| format!(r#""{n}":{{"N":"{n}"}}"#)).collect();
        format!(r#""m":{{"M":{{{}}}}}"#, fields.join(","))
    };
    let (few, many) = (map(0..256), map(0..257));
    assert!(census(&[&few]).attributes["m"].any_field.is_none());
    let collapsed = census(&[&many]);
    assert_eq!(collapsed.attributes["m"].any_field.as_ref().unwrap().types[&Tag::N], 257);
    assert!(collapsed.attributes["m"].fields.is_empty());
    assert_eq!(auto(&[&many]), "[{attribute:m,column:{kind:map,value:{kind:decimal,scale:0}}}]");
}

#[test]
fn a_table_with_names_without_end_is_refused() {
    let names = |from: usize| {
        (from..from + 6_000).map(|n| format!(r#""{n}":{{"N":"1"}}"#)).collect::<Vec<_>>().join(",")
    };
    let (mut one, other) = (census(&[&names(0)]), census(&[&names(6_000)]));
    assert_eq!(one.merge(other), Err(CensusError::TooManyAttributes));
}

#[test]
fn an_attribute_of_one_type_has_a_column_of_it() {
    for (items, columns) in [
        (&[r#""a":{"S":"x"}"#][..], "[{attribute:a,column:{kind:string}}]"),
        (&[r#""a":{"N":"1.25"}"#, r#""a":{"N":"100"}"#], "[{attribute:a,column:{kind:decimal,scale:2}}]"),
        (&[r#""a":{"N":"1E-130"}"#], "[{attribute:a,column:{kind:number-text}}]"),
        (&[r#""a":{"BOOL":true}"#, r#""a":{"NULL":true}"#], "[{attribute:a,column:{kind:bool}}]"),
        (&[r#""a":{"B":"aGk="}"#], "[{attribute:a,column:{kind:binary}}]"),
        (&[r#""a":{"SS":["x"]}"#], "[{attribute:a,column:{kind:list,of:SS,element:{kind:string}}}]"),
        (
            &[r#""a":{"NS":["1.5"]}"#],
            "[{attribute:a,column:{kind:list,of:NS,element:{kind:decimal,scale:1}}}]",
        ),
        (
            &[r#""a":{"L":[{"S":"x"},{"NULL":true}]}"#],
            "[{attribute:a,column:{kind:list,of:L,element:{kind:string}}}]",
        ),
        (
            &[r#""a":{"M":{"y":{"S":"x"},"x":{"N":"1"}}}"#],
            "[{attribute:a,column:{kind:struct,fields:[{name:x,column:{kind:decimal,scale:0}},{name:y,column:{kind:string}}]}}]",
        ),
        // Mixed, null alone, nothing inside: no column.
        (&[r#""a":{"S":"x"}"#, r#""a":{"N":"1"}"#], "[]"),
        (&[r#""a":{"NULL":true},"b":{"L":[]},"c":{"M":{}}"#], "[]"),
        (&[r#""a":{"L":[{"S":"x"},{"N":"1"}]}"#], "[]"),
        // A field of mixed types leaves the others their places.
        (
            &[r#""a":{"M":{"x":{"S":"x"},"y":{"S":"x"}}}"#, r#""a":{"M":{"x":{"N":"1"}}}"#],
            "[{attribute:a,column:{kind:struct,fields:[{name:y,column:{kind:string}}]}}]",
        ),
    ] {
        assert_eq!(auto(items), columns);
    }
}

#[test]
fn what_is_nested_deeper_than_a_plan_can_say_has_no_column() {
    let nested = |levels: usize| {
        format!(r#""a":{}{{"S":"x"}}{}"#, r#"{"M":{"b":"#.repeat(levels), "}}".repeat(levels))
    };
    for (levels, typed_fits) in [(17, true), (19, false), (32, false)] {
        let census = census(&[&nested(levels)]);
        let schema = Schema::typed(&census, &[]);
        assert_eq!(!schema.columns.is_empty(), typed_fits, "{levels}");
        for schema in [schema, Schema::auto(&census, &[])] {
            schema.check().unwrap();
            let json =
                format!("{}{}{}", "[".repeat(8), serde_json::to_string(&schema).unwrap(), "]".repeat(8));
            assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{levels}");
        }
    }
}

#[test]
fn keys_come_first_and_names_that_spark_confuses_have_one_column() {
    let columns = auto(&[
        r#""z":{"S":"1"},"pk":{"S":"1"},"Name":{"S":"1"},"_REST":{"S":"1"}"#,
        r#""z":{"S":"1"},"pk":{"S":"1"},"name":{"S":"1"}"#,
        r#""name":{"S":"1"}"#,
    ]);
    let names: Vec<&str> =
        columns.split("attribute:").skip(1).map(|part| part.split(',').next().unwrap()).collect();
    assert_eq!(names, ["pk", "name", "z"]);
}

#[test]
fn a_schema_that_files_cannot_have_is_refused_with_its_place() {
    let refused = |columns: &str| {
        let json = format!("{{\"v\":1,\"columns\":[{columns}]}}");
        Schema::parse(json.as_bytes()).unwrap_err().to_string()
    };
    for (columns, said) in [
        (
            r#"{"attribute":"a","column":{"kind":"decimal","scale":39}}"#,
            r#"column "a" of the schema has a scale"#,
        ),
        (r#"{"attribute":"","column":{"kind":"string"}}"#, "has no name"),
        (r#"{"attribute":"_Rest","column":{"kind":"string"}}"#, "is named like another one"),
        (r#"{"attribute":"a","column":{"kind":"struct","fields":[]}}"#, "a struct without fields"),
        (
            r#"{"attribute":"a","column":{"kind":"struct","fields":[{"name":"b","column":{"kind":"list","of":"SS","element":{"kind":"bool"}}}]}}"#,
            r#"column "a.b" of the schema is a list of SS"#,
        ),
        (
            r#"{"attribute":"a","column":{"kind":"typed","members":[{"type":"S","column":{"kind":"bool"}}]}}"#,
            "a member S of another type",
        ),
        (r#"{"attribute":"a","column":{"kind":"unknown"}}"#, "cannot be read"),
        (r#"{"attribute":"a","column":{"kind":"null"}}"#, "inside of typed columns only"),
    ] {
        assert!(refused(columns).contains(said), "{columns}: {}", refused(columns));
    }
    let Err(SchemaError::Version(2)) = Schema::parse(br#"{"v":2,"columns":[]}"#) else { panic!("a version") };
    let column = |n| format!(r#"{{"attribute":"{n}","column":{{"kind":"bool"}}}}"#);
    let many: Vec<String> = (0..2_000).map(column).collect();
    assert!(refused(&many.join(",")).contains("2006 leaf columns"));
}
