//! `trapan schema`: what a program that reads our JSON may rely on, as JSON Schema.
//!
//! The descriptions are values, beside each other by what is written; `tests/cli/schemas.rs` holds them to what is.

mod judged;
mod many;
mod measured;
mod pair;
mod report;
mod stac;

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::{Map, Value, json};
use trapan::method::Config;
use trapan::method::config::{Profile, Sensor};

use super::{CliError, terminal};

/// What is written as JSON: a name, by which command, and its form.
const ALL: [(&str, &str, &Type); 15] = [
    ("report", "fuse --report FILE.json", &report::REPORT),
    ("item", "FILE.json beside what fuse --stac writes", &stac::ITEM),
    ("info", "info --json", &pair::INFO),
    ("assess", "assess --pan PAN --ms MS --json", &judged::ASSESS),
    ("assess-truth", "assess --truth TRUTH --json", &judged::ASSESS_TRUTH),
    ("compare", "compare --json", &judged::COMPARE),
    ("experiment", "experiment --json", &judged::EXPERIMENT),
    ("experiment-run", "a line of experiment -o FILE", &judged::EXPERIMENT_RUN),
    ("bench", "bench --json", &measured::BENCH),
    ("growth", "bench --growth --json", &measured::GROWTH),
    ("pair", "a line of simulate --count, and of train --pairs", &pair::PAIR),
    ("entry", "a line of plan -o FILE", &many::ENTRY),
    ("record", "FILE.record.json beside what task writes", &many::RECORD),
    ("status", "status --json", &many::STATUS),
    ("step", "a line of steps.jsonl of fuse --trace", &measured::STEP),
];

/// Arguments of `schema`.
#[derive(Args)]
pub(super) struct SchemaArgs {
    /// What is written [default: list the names]
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(ALL.map(|(name, ..)| name)))]
    name: Option<String>,
}

/// Runs `schema`.
pub(super) fn run(args: &SchemaArgs) -> Result<(), CliError> {
    let Some(name) = &args.name else {
        ALL.iter().for_each(|(name, by, _)| terminal::line(format_args!("{name:15} {by}")));
        return Ok(());
    };
    let (name, by, form) = ALL.iter().find(|(known, ..)| known == name).expect("every listed name is known");
    let mut schema = form.schema();
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = format!("trapan {name}").into();
    schema["description"] = format!("What `trapan` writes: {by}.").into();
    terminal::json(&schema);
    Ok(())
}

/// A key of an object, what it holds, and what that means.
type Field = (&'static str, Type, &'static str);

/// What a value may be.
enum Type {
    Text,
    Flag,
    /// A whole number, 0 or more.
    Whole,
    Number,
    /// A number, or null where it would not be finite.
    Measure,
    /// One of some names.
    Name(&'static [&'static str]),
    /// The version of a layout.
    Version(u32),
    List(&'static Type),
    /// So many of one kind.
    Several(usize, &'static Type),
    /// This or null.
    Maybe(&'static Type),
    /// The key may be missing.
    Perhaps(&'static Type),
    Either(&'static [Type]),
    /// Any keys, with values of one kind.
    Keyed(&'static Type),
    Object(&'static [Field]),
    /// An object with the keys of some.
    Joined(&'static [&'static [Field]]),
    /// The settings of a run.
    Settings,
    /// What somebody else has said.
    Any,
}

impl Type {
    fn schema(&self) -> Value {
        match self {
            Self::Text => json!({ "type": "string" }),
            Self::Flag => json!({ "type": "boolean" }),
            Self::Whole => json!({ "type": "integer", "minimum": 0 }),
            Self::Number => json!({ "type": "number" }),
            Self::Measure => json!({ "type": ["number", "null"] }),
            Self::Name(names) => json!({ "enum": names }),
            Self::Version(version) => json!({ "const": version }),
            Self::List(item) => json!({ "type": "array", "items": item.schema() }),
            Self::Several(n, item) => {
                json!({ "type": "array", "items": item.schema(), "minItems": n, "maxItems": n })
            }
            Self::Maybe(other) => json!({ "anyOf": [other.schema(), { "type": "null" }] }),
            Self::Perhaps(other) => other.schema(),
            Self::Either(all) => json!({ "anyOf": all.iter().map(Self::schema).collect::<Vec<_>>() }),
            Self::Keyed(value) => json!({ "type": "object", "additionalProperties": value.schema() }),
            Self::Object(fields) => object(fields.iter()),
            Self::Joined(parts) => object(parts.iter().copied().flatten()),
            Self::Settings => settings(),
            Self::Any => json!({}),
        }
    }
}

fn object<'a>(fields: impl Iterator<Item = &'a Field> + Clone) -> Value {
    let property = |(name, form, about): &Field| {
        let mut schema = form.schema();
        schema["description"] = (*about).into();
        ((*name).to_owned(), schema)
    };
    let always = |(name, form, _): &'a Field| (!matches!(form, Type::Perhaps(_))).then_some(*name);
    json!({
        "type": "object",
        "properties": fields.clone().map(property).collect::<Map<_, _>>(),
        "required": fields.filter_map(always).collect::<Vec<_>>(),
        "additionalProperties": false,
    })
}

/// Of a run's settings, by what the library says of each.
fn settings() -> Value {
    let usual = Config::with_gains(Sensor::Generic, Profile::Trapan, vec![0.3]);
    let usual = serde_json::to_value(&usual).expect("plain values");
    let mut properties = Map::new();
    for setting in Config::settings() {
        let about = setting.about.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        let (name, part) = setting.name.split_once('.').unwrap_or((setting.name, ""));
        let value = usual.pointer(&format!("/{}", setting.name.replace('.', "/")));
        let mut schema = match value {
            Some(Value::Bool(_)) => Type::Flag.schema(),
            Some(Value::Number(n)) if n.is_u64() => Type::Whole.schema(),
            Some(Value::Number(_)) => Type::Number.schema(),
            _ if setting.names.is_empty() => Type::Either(&[Type::Text, Type::Number]).schema(),
            _ => json!({ "enum": setting.names }),
        };
        schema["description"] = about.into();
        if part.is_empty() {
            properties.insert(name.to_owned(), schema);
        } else {
            let group = properties.entry(name).or_insert_with(|| json!({ "type": "object", "properties": {} }));
            group["properties"][part] = schema;
        }
    }
    let gains = Type::List(&Type::Number).schema();
    for (name, schema) in [
        ("sensor", json!({ "enum": Sensor::NAMES })),
        ("profile", json!({ "enum": Profile::NAMES })),
        ("ms_gains", gains),
    ] {
        properties.insert(name.to_owned(), schema);
    }
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}
