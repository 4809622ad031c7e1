//! A code location: what Dagster loads, and under which name.

use std::path::{Path, PathBuf};

/// Something that Dagster loads as one unit, in a process of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeLocation {
    /// The name Dagster gives it: the one in the file, or else the file's or module's name, with
    /// `:attribute` where one is set.
    pub name: String,
    /// What to load.
    pub target: Target,
    /// The interpreter that this location alone is to run with. A warm host of another interpreter
    /// cannot fork it.
    pub executable: Option<PathBuf>,
}

/// What a code location consists of. Paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file.
    PythonFile {
        /// The file.
        path: PathBuf,
        /// Added to the import path.
        working_directory: PathBuf,
        /// The object to load; otherwise Dagster looks for one.
        attribute: Option<String>,
    },
    /// A module by its import name.
    Module {
        /// The dotted name.
        name: String,
        /// Added to the import path.
        working_directory: PathBuf,
        /// The object to load; otherwise Dagster looks for one.
        attribute: Option<String>,
    },
    /// A package by its import name: the old spelling of a module.
    Package {
        /// The dotted name.
        name: String,
        /// Added to the import path.
        working_directory: PathBuf,
        /// The object to load; otherwise Dagster looks for one.
        attribute: Option<String>,
    },
    /// A module whose definitions are collected from all files below it (`dg` before 1.11).
    DefsModule {
        /// The dotted name.
        name: String,
        /// Added to the import path.
        working_directory: PathBuf,
    },
    /// A code server that somebody else runs.
    Grpc {
        /// Its host.
        host: String,
        /// Its port, unless it has a socket.
        port: Option<u16>,
        /// Its Unix socket, unless it has a port.
        socket: Option<String>,
        /// Whether it speaks TLS.
        ssl: bool,
    },
}

impl Target {
    /// Whether a file, without links on its path, is what is loaded.
    pub(super) fn is_file(&self, file: &Path) -> bool {
        match self {
            Self::PythonFile { path, .. } => path.canonicalize().is_ok_and(|path| path == file),
            Self::Module {
                name,
                working_directory,
                ..
            } => {
                let module = working_directory.join(name.replace('.', "/"));
                module.with_extension("py") == file
            }
            Self::Package { .. } | Self::DefsModule { .. } | Self::Grpc { .. } => false,
        }
    }

    /// The folder that is added to the import path; `None` for a server.
    pub fn working_directory(&self) -> Option<&Path> {
        match self {
            Self::PythonFile {
                working_directory, ..
            }
            | Self::Module {
                working_directory, ..
            }
            | Self::Package {
                working_directory, ..
            }
            | Self::DefsModule {
                working_directory, ..
            } => Some(working_directory),
            Self::Grpc { .. } => None,
        }
    }

    /// The name that Dagster gives a location that has none of its own
    /// (`_assign_loadable_target_origin_name` and `_assign_grpc_location_name` there).
    fn default_name(&self) -> String {
        let (name, attribute) = match self {
            Self::PythonFile {
                path, attribute, ..
            } => {
                let name = path.file_name().unwrap_or(path.as_os_str());
                (name.to_string_lossy().into_owned(), attribute.as_deref())
            }
            Self::Module {
                name, attribute, ..
            }
            | Self::Package {
                name, attribute, ..
            } => (name.clone(), attribute.as_deref()),
            Self::DefsModule { name, .. } => (name.clone(), None),
            Self::Grpc {
                host, port, socket, ..
            } => {
                let end = match (socket, port) {
                    (Some(socket), _) => socket.clone(),
                    (None, port) => port.unwrap_or_default().to_string(),
                };
                (format!("grpc:{host}:{end}"), None)
            }
        };
        match attribute {
            Some(attribute) => format!("{name}:{attribute}"),
            None => name,
        }
    }
}

impl CodeLocation {
    /// A location under the name it was given, or else the one Dagster would give it.
    pub fn new(target: Target, name: Option<String>, executable: Option<PathBuf>) -> Self {
        let name = name
            .filter(|n| !n.is_empty())
            .unwrap_or_else(|| target.default_name());
        Self {
            name,
            target,
            executable,
        }
    }

    /// What `dagster api grpc` is to be called with for this location, beside where to listen.
    /// `None` for a server that somebody else runs. Every Dagster from 1.5 on knows these flags;
    /// `--autoload-defs-module-name` came with the projects that need it.
    pub fn grpc_args(&self) -> Option<Vec<String>> {
        let (flag, value, attribute) = match &self.target {
            Target::PythonFile {
                path, attribute, ..
            } => (
                "--python-file",
                path.to_string_lossy().into_owned(),
                attribute.as_ref(),
            ),
            Target::Module {
                name, attribute, ..
            } => ("--module-name", name.clone(), attribute.as_ref()),
            Target::Package {
                name, attribute, ..
            } => ("--package-name", name.clone(), attribute.as_ref()),
            Target::DefsModule { name, .. } => ("--autoload-defs-module-name", name.clone(), None),
            Target::Grpc { .. } => return None,
        };
        let mut args = vec![flag.to_owned(), value];
        if let Some(folder) = self.target.working_directory() {
            args.extend([
                "--working-directory".to_owned(),
                folder.to_string_lossy().into_owned(),
            ]);
        }
        if let Some(attribute) = attribute {
            args.extend(["--attribute".to_owned(), attribute.clone()]);
        }
        args.extend(["--location-name".to_owned(), self.name.clone()]);
        Some(args)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dagsters() {
        let file = Target::PythonFile {
            path: "/p/etl/defs.py".into(),
            working_directory: "/p".into(),
            attribute: Some("repo".to_owned()),
        };
        assert_eq!(
            CodeLocation::new(file.clone(), None, None).name,
            "defs.py:repo"
        );
        assert_eq!(
            CodeLocation::new(file, Some("etl".to_owned()), None).name,
            "etl"
        );
        let server = |port, socket: Option<&str>| Target::Grpc {
            host: "localhost".to_owned(),
            port,
            socket: socket.map(str::to_owned),
            ssl: false,
        };
        assert_eq!(
            CodeLocation::new(server(Some(4266), None), None, None).name,
            "grpc:localhost:4266"
        );
        let socket = CodeLocation::new(server(None, Some("/run/s")), None, None);
        assert_eq!(socket.name, "grpc:localhost:/run/s");
        assert_eq!(socket.grpc_args(), None);
    }

    #[test]
    fn arguments_of_a_module() {
        let module = Target::Module {
            name: "orders.definitions".to_owned(),
            working_directory: "/p".into(),
            attribute: None,
        };
        assert_eq!(
            CodeLocation::new(module, None, None)
                .grpc_args()
                .expect("not a server"),
            [
                "--module-name",
                "orders.definitions",
                "--working-directory",
                "/p",
                "--location-name",
                "orders.definitions"
            ]
        );
    }
}
