//! The templates of projects, carried in the binary. A file that ends in `.j2` is rendered; any
//! other is as it is.

use include_dir::{Dir, DirEntry, include_dir};
use minijinja::Value;

use crate::scaffold::template;

/// Built in by `build.rs`, which watches the folder.
static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates/projects");

/// The files of a folder of templates, by their paths in the project, in the order of these.
pub(super) fn render(folder: &str, context: &Value) -> Vec<(String, String)> {
    let files = texts(folder).into_iter();
    let mut files: Vec<(String, String)> = files
        .map(|(path, text)| match path.strip_suffix(".j2") {
            Some(path) => (path.to_owned(), fill(text, context)),
            None => (path.to_owned(), text.to_owned()),
        })
        .collect();
    files.sort();
    files
}

/// The paths of a folder's files in the project.
pub(super) fn paths(folder: &str) -> Vec<String> {
    let files = texts(folder).into_iter();
    files
        .map(|(path, _)| path.strip_suffix(".j2").unwrap_or(path).to_owned())
        .collect()
}

/// The files of a folder, by their paths in it.
fn texts(folder: &str) -> Vec<(&'static str, &'static str)> {
    let dir = TEMPLATES
        .get_dir(folder)
        .expect("the folder is named by the code");
    let mut files = Vec::new();
    collect(dir, &mut files);
    for (path, _) in &mut files {
        *path = path
            .strip_prefix(folder)
            .and_then(|path| path.strip_prefix('/'))
            .expect("it is in the folder");
    }
    files
}

fn collect(dir: &'static Dir<'static>, files: &mut Vec<(&'static str, &'static str)>) {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(dir) => collect(dir, files),
            DirEntry::File(file) => {
                // What a Python that ran in the source tree has left there is no text.
                if let (Some(path), Some(text)) = (file.path().to_str(), file.contents_utf8()) {
                    files.push((path, text));
                }
            }
        }
    }
}

fn fill(text: &str, context: &Value) -> String {
    let mut environment = template::environment();
    // A string of JSON is one of TOML.
    environment.add_filter("quoted", |text: &str| {
        serde_json::Value::from(text).to_string()
    });
    environment
        .render_str(text, context)
        .expect("a test renders every template")
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    #[test]
    fn a_folder_of_any_name_is_quoted_for_toml() {
        let context = context! {
            project => context! {
                name => "x", distribution => "x", package => "x", description => "x",
                dependencies => Vec::<&str>::new(),
            },
            notebooks_dir => "a\"b\\c",
            examples => false,
            ports => context! { dagster => 1, marimo => 2 },
        };
        let files = super::render("base", &context);
        let (_, text) = files
            .iter()
            .find(|(path, _)| path == "pyproject.toml")
            .unwrap();
        let table: toml::Table = text.parse().unwrap();
        let ruff = &table["tool"]["ruff"];
        assert_eq!(ruff["format"]["exclude"][0].as_str(), Some("a\"b\\c/**"));
        assert!(ruff["lint"]["per-file-ignores"].get("a\"b\\c/**").is_some());
    }
}
