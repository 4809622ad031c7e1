//! `pyproject.toml` and `dg.toml`: the tables of `dagster dev` and of `dg`.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::location::{CodeLocation, Target};
use super::{Error, Excerpt, read_text};

type Value<'i> = Spanned<DeValue<'i>>;
type Locations = Option<(Vec<CodeLocation>, PathBuf)>;

/// The TOML files of a folder that may say where its definitions are.
pub struct ProjectTables {
    pyproject: Option<File>,
    dg: Option<File>,
}

impl ProjectTables {
    /// Reads the files that are there.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        Ok(Self {
            pyproject: File::read(folder.join("pyproject.toml"))?,
            dg: File::read(folder.join("dg.toml"))?,
        })
    }

    /// What `dagster dev` reads: `[tool.dagster]`, or else `[tool.dg.project]`.
    pub(super) fn dagster_locations(&self, folder: &Path) -> Result<Locations, Error> {
        let Some(file) = &self.pyproject else {
            return Ok(None);
        };
        let document = file.parse()?;
        let tool = table(document.get_ref(), "tool");
        if let Some(block) = tool.and_then(|tool| table(tool, "dagster"))
            && let Some(locations) = file.tool_dagster(block, folder)?
        {
            return Ok(Some((locations, file.path.clone())));
        }
        let dg = tool.and_then(|tool| table(tool, "dg"));
        match dg.and_then(|dg| table(dg, "project")) {
            Some(project) => {
                let location = file.dg_project(project, folder, None)?;
                Ok(Some((vec![location], file.path.clone())))
            }
            None => Ok(None),
        }
    }

    /// What only `dg dev` reads: `dg.toml`, and workspaces. As there, `dg.toml` hides `[tool.dg]`.
    pub(super) fn dg_locations(&self, folder: &Path) -> Result<Locations, Error> {
        if let Some(file) = &self.dg {
            let document = file.parse()?;
            return file.dg_file(document.get_ref(), folder);
        }
        let Some(file) = &self.pyproject else {
            return Ok(None);
        };
        let document = file.parse()?;
        let Some(tool) = table(document.get_ref(), "tool") else {
            return Ok(None);
        };
        if let Some(dg) = table(tool, "dg")
            && let Some(found) = file.dg_file(dg, folder)?
        {
            return Ok(Some(found));
        }
        if tool.contains_key("dagster") {
            let hint = "write `module_name = \"package.definitions\"` under `[tool.dagster]`";
            return Err(Error::NoLocations {
                marker: file.path.clone(),
                hint: hint.to_owned(),
            });
        }
        Ok(None)
    }
}

struct File {
    path: PathBuf,
    text: String,
}

impl File {
    fn read(path: PathBuf) -> Result<Option<Self>, Error> {
        if !path.is_file() {
            return Ok(None);
        }
        let text = read_text(&path)?;
        Ok(Some(Self { path, text }))
    }

    fn parse(&self) -> Result<Spanned<DeTable<'_>>, Error> {
        DeTable::parse(&self.text).map_err(|error| {
            let problem = format!(
                "`{}` is not valid TOML: {}",
                self.path.display(),
                error.message()
            );
            self.invalid(error.span().unwrap_or_default(), problem)
        })
    }

    fn invalid(&self, span: Range<usize>, problem: impl Into<String>) -> Error {
        Error::invalid(
            Excerpt::at_offset(&self.path, &self.text, span.start),
            problem,
        )
    }

    /// `[tool.dagster]`: one `module_name`, or a list of `modules`.
    fn tool_dagster(
        &self,
        block: &DeTable<'_>,
        folder: &Path,
    ) -> Result<Option<Vec<CodeLocation>>, Error> {
        let name = self.string(block, "code_location_name")?;
        let module = |module: String| {
            let target = Target::Module {
                name: module,
                working_directory: folder.to_owned(),
                attribute: None,
            };
            CodeLocation::new(target, name.clone(), None)
        };
        let modules = block.get("modules");
        if let Some(module_name) = self.string(block, "module_name")? {
            if let Some(list) =
                modules.filter(|m| m.get_ref().as_array().is_some_and(|a| !a.is_empty()))
            {
                let problem = "only one of `module_name` and `modules` can be given";
                return Err(self.invalid(list.span(), problem));
            }
            return Ok(Some(vec![module(module_name)]));
        }
        let Some(modules) = modules else {
            return Ok(None);
        };
        let list = modules.get_ref().as_array().filter(|list| !list.is_empty());
        let Some(list) = list else {
            return Err(self.invalid(
                modules.span(),
                "`modules` must be a list of tables that is not empty",
            ));
        };
        let mut locations = Vec::new();
        for entry in list.iter() {
            let fields = entry.get_ref().as_table();
            let text = |key: &str| {
                let value = fields.and_then(|table| table.get(key))?;
                value.get_ref().as_str().map(str::to_owned)
            };
            let (Some(kind), Some(name)) = (text("type"), text("name")) else {
                let problem = "an entry of `modules` needs a `type` and a `name`, both strings";
                return Err(self.invalid(entry.span(), problem));
            };
            // Dagster passes over types it does not know.
            if kind == "module" {
                locations.push(module(name));
            }
        }
        Ok(Some(locations))
    }

    /// The table of `dg`: a project, or a workspace of projects.
    fn dg_file(&self, dg: &DeTable<'_>, folder: &Path) -> Result<Locations, Error> {
        let found = |locations| Ok(Some((locations, self.path.clone())));
        match self.string(dg, "directory_type")?.as_deref() {
            Some("project") => {
                let Some(project) = table(dg, "project") else {
                    let problem = "a `dg` project needs a `project` table with a `root_module`";
                    return Err(self.invalid(span_of(dg, "directory_type"), problem));
                };
                found(vec![self.dg_project(
                    project,
                    folder,
                    Some(folder_name(folder)),
                )?])
            }
            Some("workspace") => found(self.dg_workspace(dg, folder)?),
            Some(other) => Err(self.invalid(
                span_of(dg, "directory_type"),
                format!("`directory_type` is `{other}`, it must be `project` or `workspace`"),
            )),
            None => Ok(None),
        }
    }

    /// `[tool.dg.project]`. `dagster dev` names the location after its module, `dg dev` after the
    /// folder: `name` is the second, where that is the tool that reads the file.
    fn dg_project(
        &self,
        project: &DeTable<'_>,
        folder: &Path,
        name: Option<String>,
    ) -> Result<CodeLocation, Error> {
        let Some(root_module) = self.string(project, "root_module")? else {
            let span = project.iter().next().map_or(0..0, |(key, _)| key.span());
            return Err(self.invalid(span, "a `dg` project needs a `root_module`"));
        };
        let working_directory = module_parent(folder, &root_module).ok_or_else(|| {
            let problem = format!("there is no module `{root_module}` in `{}`", folder.display());
            self.invalid(span_of(project, "root_module"), problem)
                .with_hint("correct `root_module`, or restore the module's folder, in `src` or beside this file")
        })?;
        let autoload = project
            .get("autoload_defs")
            .and_then(|value| value.get_ref().as_bool());
        let target = if autoload == Some(true) {
            let module = self.string(project, "defs_module")?;
            let name = module.unwrap_or_else(|| format!("{root_module}.defs"));
            Target::DefsModule {
                name,
                working_directory,
            }
        } else {
            let module = self.string(project, "code_location_target_module")?;
            let name = module.unwrap_or_else(|| format!("{root_module}.definitions"));
            Target::Module {
                name,
                working_directory,
                attribute: None,
            }
        };
        let name = self.string(project, "code_location_name")?.or(name);
        Ok(CodeLocation::new(target, name, None))
    }

    fn dg_workspace(&self, dg: &DeTable<'_>, folder: &Path) -> Result<Vec<CodeLocation>, Error> {
        let projects = table(dg, "workspace").and_then(|workspace| workspace.get("projects"));
        let list = match projects.map(|value| (value, value.get_ref().as_array())) {
            Some((_, Some(list))) if !list.is_empty() => list,
            Some((value, None)) => {
                return Err(self.invalid(value.span(), "`projects` must be a list of tables"));
            }
            _ => {
                let hint = "list its projects: `[[tool.dg.workspace.projects]]` with a `path` each \
                            (`[[workspace.projects]]` in `dg.toml`)";
                return Err(Error::NoLocations {
                    marker: self.path.clone(),
                    hint: hint.to_owned(),
                });
            }
        };
        list.iter()
            .map(|entry| self.dg_workspace_project(entry, folder))
            .collect()
    }

    fn dg_workspace_project(
        &self,
        entry: &Value<'_>,
        folder: &Path,
    ) -> Result<CodeLocation, Error> {
        let path = entry
            .get_ref()
            .as_table()
            .and_then(|fields| fields.get("path"));
        let Some((place, path)) = path.and_then(|p| Some((p.span(), p.get_ref().as_str()?))) else {
            return Err(self.invalid(entry.span(), "an entry of `projects` needs a `path`"));
        };
        let root = folder.join(path);
        if !root.is_dir() {
            let problem = format!("there is no project folder `{}`", root.display());
            let hint = format!(
                "restore the folder, or remove the entry from `{}`",
                self.path.display()
            );
            return Err(self.invalid(place, problem).with_hint(hint));
        }
        let root = root.canonicalize().unwrap_or(root);
        let tables = ProjectTables::read(&root)?;
        let mut location = tables.dg_project_of_workspace(&root)?.ok_or_else(|| {
            let problem = format!("`{}` is not a `dg` project", root.display());
            self.invalid(place, problem)
                .with_hint("it needs `directory_type = \"project\"` under `[tool.dg]` in its `pyproject.toml`, or a `dg.toml`")
        })?;
        location.executable = own_interpreter(&root);
        Ok(location)
    }

    fn string(&self, table: &DeTable<'_>, key: &str) -> Result<Option<String>, Error> {
        let Some(value) = table.get(key) else {
            return Ok(None);
        };
        match value.get_ref().as_str() {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(self.invalid(value.span(), format!("`{key}` must be a string"))),
        }
    }
}

impl ProjectTables {
    /// A member of a workspace, under the name that `dg dev` gives it.
    fn dg_project_of_workspace(&self, root: &Path) -> Result<Option<CodeLocation>, Error> {
        let name = Some(folder_name(root));
        if let Some(file) = &self.dg {
            let document = file.parse()?;
            let project = table(document.get_ref(), "project");
            return project
                .map(|project| file.dg_project(project, root, name))
                .transpose();
        }
        let Some(file) = &self.pyproject else {
            return Ok(None);
        };
        let document = file.parse()?;
        let dg = table(document.get_ref(), "tool").and_then(|tool| table(tool, "dg"));
        let project = dg.and_then(|dg| table(dg, "project"));
        project
            .map(|project| file.dg_project(project, root, name))
            .transpose()
    }
}

fn table<'t, 'i>(parent: &'t DeTable<'i>, key: &str) -> Option<&'t DeTable<'i>> {
    parent.get(key).and_then(|value| value.get_ref().as_table())
}

fn span_of(table: &DeTable<'_>, key: &str) -> Range<usize> {
    table.get(key).map_or(0..0, Spanned::span)
}

fn folder_name(folder: &Path) -> String {
    folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// The folder that a module is imported from: `src` or the project's own.
fn module_parent(folder: &Path, module: &str) -> Option<PathBuf> {
    let relative: PathBuf = module.split('.').collect();
    [folder.join("src"), folder.to_owned()]
        .into_iter()
        .find(|base| {
            base.join(&relative).is_dir() || base.join(&relative).with_extension("py").is_file()
        })
}

/// The interpreter `dg dev` starts a workspace's project with: `DG_PROJECT_PYTHON_EXECUTABLE` in
/// its `.env`, or its `.venv`. Without either the project shares the workspace's environment.
fn own_interpreter(root: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(root.join(".env")).unwrap_or_default();
    let named = text.lines().find_map(|line| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let value = line
            .strip_prefix("DG_PROJECT_PYTHON_EXECUTABLE")?
            .trim_start()
            .strip_prefix('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        (!value.is_empty()).then(|| root.join(value))
    });
    named.or_else(|| Some(root.join(".venv/bin/python")).filter(|python| python.exists()))
}
