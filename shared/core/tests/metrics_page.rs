//! The operator's page of metrics is made from the table, and never lags behind it.

use std::fmt::Write as _;
use std::path::Path;

use backfleet_core::metrics::{Kind, TABLE};

fn page() -> String {
    let mut page =
        "# Metrics\n\nMade from the table in `shared/core/src/metrics.rs`; do not edit. To write it anew: \
                    `UPDATE=1 cargo test -p backfleet-core --test metrics_page`.\n\n\
                    | metric | kind | unit | labels | meaning |\n|---|---|---|---|---|\n"
            .to_owned();
    for metric in TABLE {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let (name, unit, labels, help) = (metric.name, metric.unit, metric.labels.join(", "), metric.help);
        writeln!(page, "| `{name}` | {kind} | {unit} | {labels} | {help} |").expect("writing to memory");
    }
    page
}

#[test]
fn the_page_of_metrics_says_what_the_table_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, page()).expect("the page can be written");
    }
    let there = std::fs::read_to_string(&file).expect("the page is there");
    assert_eq!(there, page(), "docs/metrics.md is not what the table says: UPDATE=1 writes it anew");
}
