//! OKX: its messages, its instruments, its requests.

mod account;
mod feed;
mod gateway;
mod instruments;
mod live;
mod market;
mod market_props;
mod outages;
mod practice;
mod private;
mod queries;
mod requests;
mod rig;

use std::path::Path;

use serde_json::Value;

use crate::samples::shared_file;

/// A sample of the venue's messages.
fn sample(name: &str) -> Option<Value> {
    let bytes = shared_file(&format!("venues/okx/{name}"))?;
    Some(serde_json::from_slice(&bytes).unwrap())
}

/// The message of a sample file that is a list of `{"label", "json"}`.
fn labelled(name: &str, label: &str) -> Option<Value> {
    let all = sample(name)?;
    let entries = all.as_array().unwrap();
    let found = entries.iter().find(|entry| entry["label"] == label);
    Some(found.unwrap_or_else(|| panic!("{name}: no {label}"))["json"].clone())
}

/// Every message that the venue sends in a sample file, whatever the file's form.
fn every(name: &str) -> Vec<Value> {
    let mut found = Vec::new();
    if let Some(value) = sample(name) {
        gather(&value, &mut found);
    }
    found
}

fn gather(value: &Value, found: &mut Vec<Value>) {
    let is_message = |value: &Value| {
        value.get("op").is_none() && (value.get("arg").is_some() || value.get("event").is_some())
    };
    match value {
        Value::Array(list) => list.iter().for_each(|value| gather(value, found)),
        value if is_message(value) => found.push(value.clone()),
        Value::Object(members) => {
            for key in ["json", "msg", "steps"] {
                if let Some(inner) = members.get(key) {
                    gather(inner, found);
                }
            }
        }
        _ => {}
    }
}

/// Names of the sample files.
fn names() -> Vec<String> {
    let path = crate::samples::shared_path("venues/okx");
    let Ok(entries) = std::fs::read_dir(Path::new(&path)) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
