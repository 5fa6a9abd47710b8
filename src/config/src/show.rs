//! The effective configuration as a table and as JSON: each value with its unit and who set it.

use std::fmt::Write as _;

use crate::json;
use crate::origin::Origin;
use crate::table::Config;

/// The table of `config show`: name, value, unit of plain numbers, origin.
#[must_use]
pub fn show(config: &Config) -> String {
    let mut rows = vec![["attribute", "value", "unit", "origin"].map(str::to_owned)];
    for chosen in &config.chosen {
        let unit = chosen.attribute.kind.unit().to_owned();
        rows.push([chosen.path(), chosen.value.to_string(), unit, chosen.origin.to_string()]);
    }
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let (names, values, units) = (width(0), width(1), width(2));
    let mut out = String::new();
    for [name, value, unit, origin] in &rows {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{name:names$}  {value:values$}  {unit:units$}  {origin}");
    }
    out
}

/// The same as a JSON array of objects; sizes are in bytes, times in milliseconds.
#[must_use]
pub fn show_json(config: &Config) -> String {
    let rows: Vec<String> = config
        .chosen
        .iter()
        .map(|chosen| {
            format!(
                "  {{\"name\": {}, \"value\": {}, \"unit\": {}, \"origin\": {}, \"takes_effect\": {}}}",
                json::quote(&chosen.path()),
                chosen.value.json(),
                json::quote(chosen.attribute.kind.unit()),
                origin_json(&chosen.origin),
                json::quote(chosen.attribute.takes_effect.word()),
            )
        })
        .collect();
    format!("[\n{}\n]\n", rows.join(",\n"))
}

fn origin_json(origin: &Origin) -> String {
    match origin {
        Origin::Default => "{\"kind\": \"default\"}".to_owned(),
        Origin::File(place) => format!(
            "{{\"kind\": \"file\", \"file\": {}, \"line\": {}, \"column\": {}}}",
            json::quote(&place.file),
            place.line,
            place.column
        ),
        Origin::Environment { name } => {
            format!("{{\"kind\": \"environment\", \"variable\": {}}}", json::quote(name))
        }
        Origin::CommandLine { option } => {
            format!("{{\"kind\": \"command-line\", \"option\": {}}}", json::quote(option))
        }
    }
}
