//! The table as JSON: names, facts, and JSON schemas of arguments and answers, from which types and interfaces are made.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::table::{Entry, TABLE};

/// `{ operations: […], $defs: { name: schema } }`. A schema of arguments says what may be passed, one of an answer what comes.
pub fn document() -> Value {
    let mut arguments = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let mut answers = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let operations = TABLE.iter().map(|entry| {
        let mut line = json!(entry);
        line["arguments"] = (entry.arguments)(&mut arguments).into();
        line["answer"] = (entry.answer)(&mut answers).into();
        line
    });
    let operations: Vec<Value> = operations.collect();
    let mut defs = answers.take_definitions(true);
    // Where a type is both, it has no field that only one side may leave out.
    defs.extend(arguments.take_definitions(true));
    for schema in defs.values_mut().filter_map(|value| <&mut Schema>::try_from(value).ok()) {
        RecursiveTransform(absent_and_not_null).transform(schema);
    }
    json!({ "operations": operations, "$defs": defs })
}

/// A field that may be left out is left out, and is never null.
fn absent_and_not_null(schema: &mut Schema) {
    let required: Vec<Value> = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (_, property) in properties.iter_mut().filter(|(name, _)| !required.contains(&Value::from(name.as_str()))) {
        without_null(property);
    }
}

fn without_null(property: &mut Value) {
    let null = json!({ "type": "null" });
    if let Some(types) = property.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|one| one != "null");
        if let [one] = types.as_slice() {
            property["type"] = one.clone();
        }
    }
    if let Some(any) = property.get_mut("anyOf").and_then(Value::as_array_mut) {
        any.retain(|one| *one != null);
    }
    if let Some(object) = property.as_object_mut() {
        object.remove("default");
    }
}

impl Entry {
    /// Its first sentence.
    pub fn summary(&self) -> String {
        let schema = (self.arguments)(&mut SchemaGenerator::default());
        let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let text = text.replace('\n', " ");
        text.split_once(". ").map_or(text.clone(), |(first, _)| format!("{first}."))
    }

    /// Is this parameter a text, and nothing else?
    pub fn takes_text(&self, parameter: &str) -> bool {
        let schema = (self.arguments)(&mut SchemaGenerator::default());
        let kind = &schema.as_value()["properties"][parameter]["type"];
        *kind == "string" || *kind == json!(["string", "null"])
    }
}
