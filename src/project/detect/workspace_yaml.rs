//! `workspace.yaml`: the schema is Dagster's `WORKSPACE_CONFIG_SCHEMA`, strict as there.

use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode, MarkedYaml};

use super::location::{CodeLocation, Target};
use super::{Error, Excerpt, read_text};

/// Reads a workspace file. Relative files are seen from the file's folder. An entry without a
/// working directory gets the one `dagster dev` would give it: the file's folder for a mapping
/// under `python_file`, and `current` otherwise.
pub(super) fn read(
    path: &Path,
    current: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<CodeLocation>, Error> {
    let text = read_text(path)?;
    let documents = MarkedYaml::load_from_str(&text).map_err(|error| {
        let place = error.marker();
        let excerpt = Excerpt::at(path, &text, place.line(), place.col() + 1);
        Error::invalid(
            excerpt,
            format!("`{}` is not valid YAML: {}", path.display(), error.info()),
        )
    })?;
    let reader = Reader {
        path,
        text: &text,
        current,
        variable,
    };
    match documents.as_slice() {
        [document] if !is_null(document) => reader.workspace(document),
        [] | [_] => Ok(Vec::new()),
        [_, second, ..] => Err(reader.invalid(second, "a workspace file holds a single document")),
    }
}

const PYTHON_FILE_KEYS: &[&str] = &[
    "relative_path",
    "attribute",
    "location_name",
    "working_directory",
    "executable_path",
];
const MODULE_KEYS: &[&str] = &[
    "module_name",
    "attribute",
    "working_directory",
    "location_name",
    "executable_path",
];
const PACKAGE_KEYS: &[&str] = &[
    "package_name",
    "attribute",
    "working_directory",
    "location_name",
    "executable_path",
];
const DEFS_MODULE_KEYS: &[&str] = &[
    "module_name",
    "working_directory",
    "location_name",
    "executable_path",
];
const SERVER_KEYS: &[&str] = &[
    "host",
    "socket",
    "port",
    "location_name",
    "ssl",
    "additional_metadata",
];
const ENTRY_KINDS: &[&str] = &[
    "python_file",
    "python_module",
    "python_package",
    "autoload_defs_module",
    "grpc_server",
];

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    current: &'a Path,
    variable: &'a dyn Fn(&str) -> Option<String>,
}

type Node<'a> = MarkedYaml<'a>;

fn is_null(node: &Node<'_>) -> bool {
    node.data.is_null()
}

impl Reader<'_> {
    fn excerpt(&self, node: &Node<'_>) -> Excerpt {
        let start = node.span.start;
        Excerpt::at(self.path, self.text, start.line(), start.col() + 1)
    }

    fn invalid(&self, node: &Node<'_>, problem: impl Into<String>) -> Error {
        Error::invalid(self.excerpt(node), problem)
    }

    fn workspace(&self, document: &Node<'_>) -> Result<Vec<CodeLocation>, Error> {
        let entries = self.mapping(document, "a workspace file", &["load_from"])?;
        let Some((_, list)) = entries.first() else {
            return Ok(Vec::new());
        };
        let Some(list) = list.data.as_sequence() else {
            return Err(self.invalid(list, "`load_from` must be a list"));
        };
        list.iter().map(|entry| self.entry(entry)).collect()
    }

    /// One of `load_from`: a mapping with exactly one key, the kind.
    fn entry(&self, node: &Node<'_>) -> Result<CodeLocation, Error> {
        let entries = self.mapping(node, "an entry of `load_from`", ENTRY_KINDS)?;
        let [(kind, value)] = entries.as_slice() else {
            return Err(self.invalid(
                node,
                format!(
                    "an entry of `load_from` has exactly one of {}",
                    quoted(ENTRY_KINDS)
                ),
            ));
        };
        match *kind {
            "python_file" => self.python_file(value),
            "python_module" => {
                self.module(value, MODULE_KEYS, |name, working_directory, attribute| {
                    Target::Module {
                        name,
                        working_directory,
                        attribute,
                    }
                })
            }
            "python_package" => {
                self.module(value, PACKAGE_KEYS, |name, working_directory, attribute| {
                    Target::Package {
                        name,
                        working_directory,
                        attribute,
                    }
                })
            }
            "autoload_defs_module" => {
                self.module(value, DEFS_MODULE_KEYS, |name, working_directory, _| {
                    Target::DefsModule {
                        name,
                        working_directory,
                    }
                })
            }
            _ => self.server(value),
        }
    }

    fn python_file(&self, node: &Node<'_>) -> Result<CodeLocation, Error> {
        let folder = self.path.parent().unwrap_or(self.current);
        if let Some(name) = node.data.as_str() {
            let path = self.file(node, &folder.join(name))?;
            let target = Target::PythonFile {
                path,
                working_directory: self.current.to_owned(),
                attribute: None,
            };
            return Ok(CodeLocation::new(target, None, None));
        }
        let fields = self.fields(node, "python_file", PYTHON_FILE_KEYS)?;
        let (relative, place) = fields.required("relative_path", self, node)?;
        let working_directory = match fields.text("working_directory", self)? {
            Some((given, place)) if !given.is_empty() => self.folder(place, &folder.join(given))?,
            _ => folder.to_owned(),
        };
        let target = Target::PythonFile {
            path: self.file(place, &folder.join(relative))?,
            working_directory,
            attribute: fields.string("attribute", self)?,
        };
        self.location(&fields, target)
    }

    fn module(
        &self,
        node: &Node<'_>,
        keys: &'static [&'static str],
        make: impl Fn(String, PathBuf, Option<String>) -> Target,
    ) -> Result<CodeLocation, Error> {
        if let Some(name) = node.data.as_str() {
            let target = make(name.to_owned(), self.current.to_owned(), None);
            return Ok(CodeLocation::new(target, None, None));
        }
        let fields = self.fields(node, "a code location", keys)?;
        let (name, _) = fields.required(keys[0], self, node)?;
        // Not rebased on the file's folder: Dagster passes it on as it is.
        let working_directory = match fields.text("working_directory", self)? {
            Some((given, place)) if !given.is_empty() => {
                self.folder(place, &self.current.join(given))?
            }
            _ => self.current.to_owned(),
        };
        let attribute = fields.string("attribute", self)?;
        self.location(&fields, make(name, working_directory, attribute))
    }

    fn server(&self, node: &Node<'_>) -> Result<CodeLocation, Error> {
        let fields = self.fields(node, "grpc_server", SERVER_KEYS)?;
        let port = match fields.get("port") {
            None => None,
            Some(value) => {
                let number = match value.data.as_integer() {
                    Some(number) => Some(number),
                    None => self.string(value, "port")?.parse().ok(),
                };
                let port = number
                    .and_then(|n| u16::try_from(n).ok())
                    .filter(|n| *n > 0);
                Some(port.ok_or_else(|| self.invalid(value, "`port` must be a port number"))?)
            }
        };
        let socket = fields.string("socket", self)?;
        if port.is_some() == socket.is_some() {
            return Err(self.invalid(node, "`grpc_server` needs either a `port` or a `socket`"));
        }
        let ssl = match fields.get("ssl") {
            None => false,
            Some(value) => value
                .data
                .as_bool()
                .ok_or_else(|| self.invalid(value, "`ssl` must be `true` or `false`"))?,
        };
        let host = fields.string("host", self)?.filter(|h| !h.is_empty());
        let host = host.unwrap_or_else(|| "localhost".to_owned());
        self.location(
            &fields,
            Target::Grpc {
                host,
                port,
                socket,
                ssl,
            },
        )
    }

    fn location(&self, fields: &Fields<'_, '_>, target: Target) -> Result<CodeLocation, Error> {
        let name = fields.string("location_name", self)?;
        let executable = fields
            .string("executable_path", self)?
            .filter(|path| !path.is_empty())
            .map(|path| self.current.join(self.expand_home(&path)));
        Ok(CodeLocation::new(target, name, executable))
    }

    /// `~` at the beginning of `executable_path`, as Python's `expanduser` reads it.
    fn expand_home(&self, path: &str) -> PathBuf {
        match (path.strip_prefix('~'), (self.variable)("HOME")) {
            (Some(""), Some(home)) => PathBuf::from(home),
            (Some(rest), Some(home)) if rest.starts_with('/') => {
                Path::new(&home).join(rest.trim_start_matches('/'))
            }
            _ => PathBuf::from(path),
        }
    }

    fn file(&self, node: &Node<'_>, path: &Path) -> Result<PathBuf, Error> {
        self.present(node, "file", path, path.is_file())
    }

    fn folder(&self, node: &Node<'_>, path: &Path) -> Result<PathBuf, Error> {
        self.present(node, "folder", path, path.is_dir())
    }

    fn present(
        &self,
        node: &Node<'_>,
        what: &str,
        path: &Path,
        present: bool,
    ) -> Result<PathBuf, Error> {
        if !present {
            let problem = format!("there is no {what} `{}`", path.display());
            let hint = format!(
                "correct the path, or remove the entry from `{}`",
                self.path.display()
            );
            return Err(self.invalid(node, problem).with_hint(hint));
        }
        Ok(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
    }

    /// The entries of a mapping, none of whose keys is outside `known`.
    fn mapping<'n, 'i>(
        &self,
        node: &'n Node<'i>,
        what: &str,
        known: &'static [&'static str],
    ) -> Result<Vec<(&'static str, &'n Node<'i>)>, Error> {
        let Some(mapping) = node.data.as_mapping() else {
            return Err(self.invalid(
                node,
                format!("{what} must be a mapping with {}", quoted(known)),
            ));
        };
        let mut entries = Vec::new();
        for (key, value) in mapping {
            let name = key.data.as_str().unwrap_or_default();
            match known.iter().find(|k| **k == name) {
                Some(known) => entries.push((*known, value)),
                None => return Err(self.unknown_key(key, name, what, known)),
            }
        }
        Ok(entries)
    }

    fn unknown_key(&self, key: &Node<'_>, name: &str, what: &str, known: &[&str]) -> Error {
        let nearest = known
            .iter()
            .map(|k| (strsim::jaro_winkler(name, k), *k))
            .filter(|(score, _)| *score > 0.85)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let hint = match nearest {
            Some((_, key)) => format!("did you mean `{key}`"),
            None => format!("known here: {}", quoted(known)),
        };
        self.invalid(key, format!("unknown key `{name}` in {what}"))
            .with_hint(hint)
    }

    fn fields<'n, 'i>(
        &self,
        node: &'n Node<'i>,
        what: &str,
        known: &'static [&'static str],
    ) -> Result<Fields<'n, 'i>, Error> {
        Ok(Fields(self.mapping(node, what, known)?))
    }

    /// A string, or `{env: NAME}` (Dagster's `StringSource`).
    fn string(&self, node: &Node<'_>, key: &str) -> Result<String, Error> {
        if let Some(text) = node.data.as_str() {
            return Ok(text.to_owned());
        }
        let name = node
            .data
            .as_mapping()
            .filter(|mapping| mapping.len() == 1)
            .and_then(|_| node.data.as_mapping_get("env"))
            .and_then(|value| value.data.as_str());
        let Some(name) = name else {
            return Err(self.invalid(node, format!("`{key}` must be a string or `env: NAME`")));
        };
        (self.variable)(name).ok_or_else(|| {
            self.invalid(
                node,
                format!("`{key}` needs the environment variable `{name}`, which is not set"),
            )
            .with_hint(format!("set `{name}`"))
        })
    }
}

struct Fields<'n, 'i>(Vec<(&'static str, &'n Node<'i>)>);

impl<'n, 'i> Fields<'n, 'i> {
    /// `null` counts as absent.
    fn get(&self, key: &str) -> Option<&'n Node<'i>> {
        self.0
            .iter()
            .find(|(k, _)| *k == key)
            .map(|(_, node)| *node)
            .filter(|node| !is_null(node))
    }

    fn text(
        &self,
        key: &str,
        reader: &Reader<'_>,
    ) -> Result<Option<(String, &'n Node<'i>)>, Error> {
        self.get(key)
            .map(|node| Ok((reader.string(node, key)?, node)))
            .transpose()
    }

    fn string(&self, key: &str, reader: &Reader<'_>) -> Result<Option<String>, Error> {
        Ok(self.text(key, reader)?.map(|(text, _)| text))
    }

    fn required(
        &self,
        key: &str,
        reader: &Reader<'_>,
        parent: &Node<'_>,
    ) -> Result<(String, &'n Node<'i>), Error> {
        self.text(key, reader)?
            .ok_or_else(|| reader.invalid(parent, format!("`{key}` is missing")))
    }
}

fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
