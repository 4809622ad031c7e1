//! Six layers, and which of them each value came from.
//!
//! From the lowest: defaults, `~/.daglab/config.yaml`, `daglab.yaml` in the parents up to the git
//! root, `daglab.yaml` here, `DAGLAB_*` variables, flags. `[tool.daglab]` of a `pyproject.toml`
//! counts as a `daglab.yaml` beside it, just below a real one. Mappings merge key by key; any other
//! value replaces what is below.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::ci::{self, expand_short_forms};
use super::error::{Error, Lines, Place, Problem, Source};
use super::model::Settings;
use super::origins::{Origin, Origins};
use super::tree::{self, Node};

/// The file's name.
pub const FILE: &str = "daglab.yaml";

/// Variables that begin like settings but are switches of the program or of its tests, or marks of
/// its children, which may call it again.
const NOT_SETTINGS: &[&str] = &[
    "DAGLAB_BIN",
    "DAGLAB_CACHE_DIR",
    "DAGLAB_CLIENT_TOKEN",
    "DAGLAB_DAGSTER_URL",
    "DAGLAB_ERRORS_AS_JSON",
    "DAGLAB_GUARDED",
    "DAGLAB_INSTANCE_DATA",
    "DAGLAB_LOG",
    "DAGLAB_TASK",
];

/// A value that a flag sets.
#[derive(Debug, Clone)]
pub struct FlagValue {
    /// The setting: `ci.concurrency`.
    pub path: &'static str,
    /// Its value.
    pub value: Value,
    /// The flag: `--concurrency`.
    pub flag: &'static str,
}

impl FlagValue {
    /// The setting, if the flag was given.
    pub fn given(
        path: &'static str,
        value: Option<impl Into<Value>>,
        flag: &'static str,
    ) -> Option<Self> {
        value.map(|value| Self {
            path,
            value: value.into(),
            flag,
        })
    }
}

/// Where to look for settings.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The project's directory.
    pub dir: PathBuf,
    /// What flags set.
    pub flags: Vec<FlagValue>,
    /// All environment variables.
    pub env: Vec<(String, String)>,
    /// The user's home.
    pub home: Option<PathBuf>,
}

/// Settings, and where they came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Where each came from.
    pub origins: Origins,
    /// The files that were read, the strongest first.
    pub files: Vec<PathBuf>,
}

/// One layer: its values, and the origin of each path in it.
pub(super) struct Layer {
    pub(super) values: Value,
    pub(super) origins: BTreeMap<String, Origin>,
}

/// Reads and merges all layers.
pub fn load(request: &Request) -> Result<Loaded, Error> {
    let mut layers = Vec::new();
    let mut files = Vec::new();
    let mut add = |path: PathBuf, layers: &mut Vec<Layer>| -> Result<(), Error> {
        if let Some(layer) = file_layer(&path)? {
            layers.push(layer);
            files.push(path);
        }
        Ok(())
    };
    for dir in up_to_git_root(&request.dir) {
        add(dir.join(FILE), &mut layers)?;
        add(dir.join("pyproject.toml"), &mut layers)?;
    }
    if let Some(home) = &request.home {
        add(home.join(".daglab/config.yaml"), &mut layers)?;
    }
    layers.reverse();
    layers.push(variables(&request.env)?);
    layers.push(flags(&request.flags));

    let defaults = serde_json::to_value(Settings::default()).expect("settings are plain data");
    let mut values = Value::Object(Map::new());
    let mut origins = BTreeMap::new();
    for layer in layers {
        // Checked one by one: a wrong value below is wrong even where another one covers it.
        check(&layer)?;
        forget_replaced(&mut origins, &values, &layer.values, "");
        merge(&mut values, layer.values);
        origins.extend(layer.origins);
    }
    // Who writes one key of a section has not set the others.
    origins.retain(|path, _| !is_section(&defaults, path));
    let settings =
        serde_json::from_value(values).expect("a merge of layers that are valid is valid");
    Ok(Loaded {
        settings,
        origins: Origins::from(origins),
        files,
    })
}

/// Whether a path is that of a mapping whose keys are settings.
fn is_section(defaults: &Value, path: &str) -> bool {
    let mut value = defaults;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        match value.get(part) {
            Some(inner) => value = inner,
            None => return false,
        }
    }
    value.as_object().is_some_and(|keys| !keys.is_empty())
}

/// The directory and its parents, as far as the root of the git repository it is in; the directory
/// alone if it is in none.
fn up_to_git_root(dir: &Path) -> Vec<PathBuf> {
    let all: Vec<PathBuf> = dir.ancestors().map(Path::to_owned).collect();
    match all.iter().position(|dir| dir.join(".git").exists()) {
        Some(root) => all[..=root].to_vec(),
        None => all[..1].to_vec(),
    }
}

fn file_layer(path: &Path) -> Result<Option<Layer>, Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let text = match tree::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let node = if path
        .extension()
        .is_some_and(|extension| extension == "toml")
    {
        match tree::parse_pyproject(&text, path)? {
            Some(node) => node,
            None => return Ok(None),
        }
    } else {
        tree::parse_yaml(&text, path)?
    };
    let lines = Lines::of(path, &text);
    let mut layer = layer_of(&node, |at| Origin::File(lines.place(at)));
    expand_short_forms(&mut layer.values);
    Ok(Some(layer))
}

pub(super) fn layer_of(node: &Node, origin: impl Fn((usize, usize)) -> Origin) -> Layer {
    let mut origins = BTreeMap::new();
    node.places("", &mut |path, at| {
        origins.insert(path.to_owned(), origin(at));
    });
    origins.insert(String::new(), origin(node.at));
    Layer {
        values: node.to_json(),
        origins,
    }
}

/// `DAGLAB_DAGSTER__PORT=3001` sets `dagster.port`; the text is read as YAML. An empty variable is
/// none: a CI system can't always leave out one that has no value.
fn variables(env: &[(String, String)]) -> Result<Layer, Error> {
    let mut layer = Layer {
        values: Value::Object(Map::new()),
        origins: BTreeMap::new(),
    };
    let mut ours: Vec<_> = env
        .iter()
        .filter(|(name, text)| {
            name.to_ascii_uppercase().starts_with("DAGLAB_") && !text.trim().is_empty()
        })
        .filter(|(name, _)| {
            let name = name.to_ascii_uppercase();
            !name.starts_with("DAGLAB_TEST_") && !NOT_SETTINGS.contains(&name.as_str())
        })
        .collect();
    ours.sort();
    for (name, text) in ours {
        let path = name["DAGLAB_".len()..]
            .to_ascii_lowercase()
            .replace("__", ".");
        let named = |message: String| Error::Invalid {
            problems: vec![Problem {
                message,
                source: Source::Named(format!("the variable `{name}`")),
                suggestion: None,
            }],
        };
        let value = tree::yaml_to_json(&format!("value: {text}"), Path::new(name))
            .or_else(|_| Ok(serde_json::json!({ "value": text })))
            .map_err(|error: Error| named(error.to_string()))?["value"]
            .take();
        let origin = Origin::Variable(name.clone());
        note_all(&value, &path, &origin, &mut layer.origins);
        put(&mut layer.values, &path, value);
    }
    expand_short_forms(&mut layer.values);
    Ok(layer)
}

/// Notes the origin of a value and of the keys in it.
fn note_all(value: &Value, path: &str, origin: &Origin, origins: &mut BTreeMap<String, Origin>) {
    origins.insert(path.to_owned(), origin.clone());
    for (key, value) in value.as_object().into_iter().flatten() {
        note_all(value, &format!("{path}.{key}"), origin, origins);
    }
}

fn flags(flags: &[FlagValue]) -> Layer {
    let mut layer = Layer {
        values: Value::Object(Map::new()),
        origins: BTreeMap::new(),
    };
    for flag in flags {
        put(&mut layer.values, flag.path, flag.value.clone());
        layer
            .origins
            .insert(flag.path.to_owned(), Origin::Flag(flag.flag));
    }
    expand_short_forms(&mut layer.values);
    layer
}

fn put(values: &mut Value, path: &str, value: Value) {
    let mut place = values;
    for part in path.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[part];
    }
    *place = value;
}

pub(super) fn merge(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                match below.get_mut(&key) {
                    Some(slot) => merge(slot, value),
                    None => {
                        below.insert(key, value);
                    }
                }
            }
        }
        (below, above) => *below = above,
    }
}

/// Drops the origins of what is inside a value that is about to be replaced as a whole.
pub(super) fn forget_replaced(
    origins: &mut BTreeMap<String, Origin>,
    below: &Value,
    above: &Value,
    path: &str,
) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                if let Some(old) = below.get(key) {
                    let path = if path.is_empty() {
                        key.clone()
                    } else {
                        format!("{path}.{key}")
                    };
                    forget_replaced(origins, old, value, &path);
                }
            }
        }
        _ => {
            let inside = format!("{path}.");
            let gone: Vec<String> = origins
                .range(inside.clone()..)
                .map(|(key, _)| key)
                .take_while(|key| key.starts_with(&inside))
                .cloned()
                .collect();
            for key in gone {
                origins.remove(&key);
            }
        }
    }
}

/// Reads a layer as settings: unknown keys all at once, else the first wrong value.
fn check(layer: &Layer) -> Result<(), Error> {
    let settings = ci::with_entries(Settings::default());
    let defaults = serde_json::to_value(settings).expect("settings are plain data");
    let mut problems = Vec::new();
    shape(&layer.values, &defaults, "", &mut |path, found| {
        let (message, suggestion) = match found {
            Shape::Unknown { key, known } => {
                let best = known
                    .iter()
                    .map(|name| (strsim::jaro_winkler(name, key), name))
                    .filter(|(score, _)| *score > 0.8)
                    .max_by(|a, b| a.0.total_cmp(&b.0));
                let suggestion = best.map(|(_, name)| format!("did you mean `{name}`?"));
                (format!("unknown key `{key}`"), suggestion)
            }
            Shape::NotAMapping if path.is_empty() => (
                "the file must be a mapping of keys to values".to_owned(),
                None,
            ),
            Shape::NotAMapping => (
                format!("`{path}` must be a mapping of keys to values"),
                None,
            ),
        };
        problems.push(Problem {
            message,
            source: source_of(layer, path),
            suggestion,
        });
    });
    if problems.is_empty()
        && let Err(error) = serde_path_to_error::deserialize::<_, Settings>(&layer.values)
    {
        let path = dotted(error.path());
        let message = error.into_inner().to_string();
        let message = if path.is_empty() {
            message
        } else {
            format!("`{path}`: {message}")
        };
        problems.push(Problem {
            message,
            source: source_of(layer, &path),
            suggestion: None,
        });
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid { problems })
    }
}

/// `a.b.0.c`, as [`Origins`] writes it.
fn dotted(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let parts: Vec<String> = path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect();
    parts.join(".")
}

fn source_of(layer: &Layer, path: &str) -> Source {
    // A key that is not there is looked for in what it would be part of.
    let parents = std::iter::successors(Some(path), |path| {
        path.rsplit_once('.').map(|(parent, _)| parent)
    });
    match parents.chain([""]).find_map(|path| layer.origins.get(path)) {
        Some(Origin::File(place)) => Source::File(place.clone()),
        Some(Origin::Variable(name)) => Source::Named(format!("the variable `{name}`")),
        Some(Origin::Flag(flag)) => Source::Named(format!("`{flag}`")),
        Some(Origin::Default) | None => Source::File(Place::whole(Path::new(FILE))),
    }
}

/// What is wrong with the shape of a layer, held against the defaults.
enum Shape<'a> {
    /// A key that the defaults do not have, where they say which keys there are.
    Unknown {
        key: &'a str,
        known: Vec<&'a String>,
    },
    /// Something else where a mapping must be; a list would be read as fields by position.
    NotAMapping,
}

fn shape<'a>(
    values: &'a Value,
    defaults: &'a Value,
    path: &str,
    visit: &mut impl FnMut(&str, &Shape<'a>),
) {
    let join = |part: &str| {
        if path.is_empty() {
            part.to_owned()
        } else {
            format!("{path}.{part}")
        }
    };
    let defaults = match (values, defaults) {
        // The keys of run config and tags are anybody's.
        (_, Value::Object(defaults)) if !defaults.is_empty() => defaults,
        (Value::Array(items), Value::Array(defaults)) => {
            for (index, item) in items.iter().enumerate() {
                if let [entry] = defaults.as_slice() {
                    shape(item, entry, &join(&index.to_string()), visit);
                }
            }
            return;
        }
        _ => return,
    };
    let Value::Object(values) = values else {
        visit(path, &Shape::NotAMapping);
        return;
    };
    for (key, value) in values {
        let path = join(key);
        match defaults.get(key) {
            Some(default) => shape(value, default, &path, visit),
            None => visit(
                &path,
                &Shape::Unknown {
                    key,
                    known: defaults.keys().collect(),
                },
            ),
        }
    }
}

#[cfg(test)]
mod tests;
