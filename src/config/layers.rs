//! Six layers, and which of them each value came from.
//!
//! From the lowest: defaults, `~/.daglab/config.yaml`, `daglab.yaml` in the parents up to the git
//! root, `daglab.yaml` here, `DAGLAB_*` variables, flags. `[tool.daglab]` of a `pyproject.toml`
//! counts as a `daglab.yaml` beside it, just below a real one. Mappings merge key by key; any other
//! value replaces what is below.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::ci::expand_short_forms;
use super::error::{Error, Place, Problem, Source};
use super::model::Settings;
use super::tree::{self, LARGEST_FILE, Node};

/// The file's name.
pub const FILE: &str = "daglab.yaml";

/// Variables that begin like settings but are switches of the program or of its tests.
const NOT_SETTINGS: &[&str] = &[
    "DAGLAB_CACHE_DIR",
    "DAGLAB_GUARDED",
    "DAGLAB_LOG",
    "DAGLAB_DAGSTER_URL",
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

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A file, with the line.
    File(Place),
    /// A variable.
    Variable(String),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(f, "default"),
            Self::File(place) => match place.at {
                Some((line, _)) => write!(f, "{}:{line}", place.file.display()),
                None => write!(f, "{}", place.file.display()),
            },
            Self::Variable(name) => write!(f, "{name}"),
            Self::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

/// Where each value came from.
#[derive(Debug, Clone, Default)]
pub struct Origins(BTreeMap<String, Origin>);

impl Origins {
    /// Where the value at a dotted path came from: of itself, or of what it is part of.
    pub fn of(&self, path: &str) -> &Origin {
        let mut path = path;
        loop {
            if let Some(origin) = self.0.get(path) {
                return origin;
            }
            match path.rsplit_once('.') {
                Some((parent, _)) => path = parent,
                None => return &Origin::Default,
            }
        }
    }

    /// The line of the user's file that a value came from, with an arrow.
    pub fn snippet(&self, path: &str) -> Option<String> {
        match self.of(path) {
            Origin::File(place) => Some(place.snippet()),
            _ => None,
        }
    }
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
struct Layer {
    values: Value,
    origins: BTreeMap<String, Origin>,
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

    let mut values = Value::Object(Map::new());
    let mut origins = BTreeMap::new();
    for layer in layers {
        // Checked one by one: a wrong value below is wrong even where another one covers it.
        check(&layer)?;
        forget_replaced(&mut origins, &values, &layer.values, "");
        merge(&mut values, layer.values);
        origins.extend(layer.origins);
    }
    let settings =
        serde_json::from_value(values).expect("a merge of layers that are valid is valid");
    Ok(Loaded {
        settings,
        origins: Origins(origins),
        files,
    })
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
    let length = match std::fs::metadata(path) {
        Ok(meta) => meta.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if length > LARGEST_FILE {
        return Err(failed(std::io::Error::other(format!(
            "it has {length} bytes"
        ))));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
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
    Ok(Some(layer_of(&node, |at| {
        Origin::File(Place::new(path, at, &text))
    })))
}

fn layer_of(node: &Node, origin: impl Fn((usize, usize)) -> Origin) -> Layer {
    let mut values = node.to_json();
    expand_short_forms(&mut values);
    let mut origins = BTreeMap::new();
    node.places("", &mut |path, at| {
        origins.insert(path.to_owned(), origin(at));
    });
    origins.insert(String::new(), origin(node.at));
    Layer { values, origins }
}

/// `DAGLAB_DAGSTER__PORT=3001` sets `dagster.port`; the text is read as YAML.
fn variables(env: &[(String, String)]) -> Result<Layer, Error> {
    let mut layer = Layer {
        values: Value::Object(Map::new()),
        origins: BTreeMap::new(),
    };
    let mut ours: Vec<_> = env
        .iter()
        .filter(|(name, _)| name.to_ascii_uppercase().starts_with("DAGLAB_"))
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
        put(&mut layer.values, &path, value);
        layer.origins.insert(path, Origin::Variable(name.clone()));
    }
    expand_short_forms(&mut layer.values);
    Ok(layer)
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

fn merge(below: &mut Value, above: Value) {
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
fn forget_replaced(
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
            origins.retain(|key, _| !key.starts_with(&inside));
        }
    }
}

/// Reads a layer as settings: unknown keys all at once, else the first wrong value.
fn check(layer: &Layer) -> Result<(), Error> {
    let defaults = serde_json::to_value(Settings::default()).expect("settings are plain data");
    let mut problems = Vec::new();
    unknown_keys(&layer.values, &defaults, "", &mut |path, key, known| {
        let best = known
            .iter()
            .map(|name| (strsim::jaro_winkler(name, key), name))
            .filter(|(score, _)| *score > 0.8)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        problems.push(Problem {
            message: format!("unknown key `{key}`"),
            source: source_of(layer, path),
            suggestion: best.map(|(_, name)| format!("did you mean `{name}`?")),
        });
    });
    if problems.is_empty()
        && let Err(error) = serde_path_to_error::deserialize::<_, Settings>(&layer.values)
    {
        let path = dotted(error.path());
        let message = error.into_inner().to_string();
        // Unknown keys inside of lists are found by the types alone.
        let key = message
            .strip_prefix("unknown field `")
            .and_then(|rest| rest.split('`').next());
        let place = match key {
            Some(key) if !path.ends_with(key) => format!("{path}.{key}"),
            _ => path.clone(),
        };
        let message = match key {
            Some(key) => format!("unknown key `{key}`"),
            None if path.is_empty() => message,
            None => format!("`{path}`: {message}"),
        };
        problems.push(Problem {
            message,
            source: source_of(layer, &place),
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
    match Origins(layer.origins.clone())
        .0
        .get(path)
        .cloned()
        .unwrap_or_else(|| Origins(layer.origins.clone()).of(path).clone())
    {
        Origin::File(place) => Source::File(place),
        Origin::Variable(name) => Source::Named(format!("the variable `{name}`")),
        Origin::Flag(flag) => Source::Named(format!("`{flag}`")),
        Origin::Default => Source::File(match layer.origins.get("") {
            Some(Origin::File(place)) => place.clone(),
            _ => Place::whole(Path::new(FILE)),
        }),
    }
}

/// Visits keys that the defaults do not have, where the defaults say which keys there are.
fn unknown_keys(
    values: &Value,
    defaults: &Value,
    path: &str,
    visit: &mut impl FnMut(&str, &str, &[&String]),
) {
    let (Value::Object(values), Value::Object(defaults)) = (values, defaults) else {
        return;
    };
    let known: Vec<&String> = defaults.keys().collect();
    for (key, value) in values {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        match defaults.get(key) {
            Some(default) => unknown_keys(value, default, &path, visit),
            None => visit(&path, key, &known),
        }
    }
}
