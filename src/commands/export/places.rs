//! Where each file of each notebook goes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::Error;
use super::notebooks::common_folder;
use crate::ci::plan::PlannedFile;
use crate::marimo::format::Format;
use crate::project::notebooks::Notebook;
use crate::publish::retention;

/// A folder, and the names of all files in it.
#[derive(Debug)]
pub(super) struct Places {
    /// Where the names begin.
    pub(super) root: PathBuf,
    /// By notebook.
    pub(super) notebooks: Vec<Place>,
}

/// The files of one notebook, relative to the root, with `/`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The page. Others are found beside it, so it has a name even if it is not wanted.
    pub(super) page_key: String,
    /// Whether it is wanted.
    pub(super) page: bool,
    /// The other formats.
    pub(super) files: Vec<PlannedFile>,
}

/// The file or folder that `--output` names, as it was written.
pub(super) struct Output<'a> {
    /// As it was written.
    pub(super) given: &'a Path,
    /// The same, absolute.
    pub(super) path: PathBuf,
}

impl Output<'_> {
    fn is_folder(&self) -> bool {
        self.path.is_dir() || self.given.as_os_str().as_encoded_bytes().ends_with(b"/")
    }

    /// Whether it can only be a file.
    fn is_file(&self) -> bool {
        let extension = self.given.extension().and_then(|it| it.to_str());
        !self.is_folder()
            && (self.path.exists() || extension.and_then(Format::of_extension).is_some())
    }
}

impl Places {
    /// Decides. `formats` are in their order and each once; `named` notebooks are there in all, of
    /// which these are to be exported now.
    pub(super) fn decide(
        notebooks: &[Notebook],
        output: Option<&Output<'_>>,
        formats: &[Format],
        named: usize,
    ) -> Result<Self, Error> {
        let places = match output {
            None => Self::beside(notebooks, formats),
            Some(output) if named > 1 && output.is_file() => {
                return Err(Error::OneFile(output.given.to_owned(), named));
            }
            Some(output) if named > 1 || output.is_folder() => {
                Self::below(&output.path, notebooks, formats)
            }
            Some(output) => Self::one(output, formats)?,
        };
        places.check(notebooks)?;
        Ok(places)
    }

    /// Beside each notebook.
    fn beside(notebooks: &[Notebook], formats: &[Format]) -> Self {
        let root = common_folder(notebooks.iter().map(|notebook| &notebook.file));
        let place = |notebook: &Notebook| {
            let file = &notebook.file;
            place(file.strip_prefix(&root).unwrap_or(file), formats)
        };
        Self {
            notebooks: notebooks.iter().map(place).collect(),
            root,
        }
    }

    /// Below a folder, by the notebooks' paths in their project, so that no two meet.
    fn below(root: &Path, notebooks: &[Notebook], formats: &[Format]) -> Self {
        let place = |notebook: &Notebook| {
            let path = Path::new(&notebook.path);
            let name = path.file_name().map_or(path, Path::new);
            place(if path.is_absolute() { name } else { path }, formats)
        };
        Self {
            notebooks: notebooks.iter().map(place).collect(),
            root: root.to_owned(),
        }
    }

    /// One notebook to a file of this name; of several formats, each gets its own extension.
    fn one(output: &Output<'_>, formats: &[Format]) -> Result<Self, Error> {
        let (Some(root), Some(name)) = (output.path.parent(), output.path.file_name()) else {
            return Err(Error::NoName(output.path.clone()));
        };
        let name = Path::new(name);
        let mut only = place(name, formats);
        if let [format] = formats {
            let given = name.to_string_lossy().into_owned();
            match format {
                Format::Html => only.page_key = given,
                _ => only.files[0].key = given,
            }
        }
        Ok(Self {
            root: root.to_owned(),
            notebooks: vec![only],
        })
    }

    /// No file is written twice, and none over a notebook.
    fn check(&self, notebooks: &[Notebook]) -> Result<(), Error> {
        let mut owners: HashMap<PathBuf, &str> = HashMap::new();
        for (place, notebook) in self.notebooks.iter().zip(notebooks) {
            for key in place.keys() {
                let file = self.root.join(key);
                let is_python = file.extension().is_some_and(|it| it == "py");
                if notebooks.iter().any(|other| other.file == file) || (is_python && file.exists())
                {
                    return Err(Error::OverNotebook(file));
                }
                // A page of this name can only be an earlier one. Documents are often written by
                // hand, and a Jupyter notebook may be what this one was converted from.
                let is_page = file.extension().is_some_and(|it| it == "html");
                if !is_page && file.symlink_metadata().is_ok() && !retention::is_ours(&file) {
                    return Err(Error::InTheWay(file));
                }
                if let Some(first) = owners.insert(file.clone(), &notebook.path) {
                    let (first, second) = (first.to_owned(), notebook.path.clone());
                    return Err(Error::Collision {
                        first,
                        second,
                        file,
                    });
                }
            }
        }
        Ok(())
    }
}

impl Place {
    fn keys(&self) -> impl Iterator<Item = String> {
        let name = self.page_key.strip_suffix(".html");
        let interactive = format!("{}.interactive.html", name.unwrap_or(&self.page_key));
        let pages = [self.page_key.clone(), interactive].into_iter();
        pages
            .filter(|_| self.page)
            .chain(self.files.iter().map(|file| file.key.clone()))
    }
}

fn place(path: &Path, formats: &[Format]) -> Place {
    let known = |it: &str| it == "py" || Format::of_extension(it).is_some();
    let strip = path
        .extension()
        .and_then(|it| it.to_str())
        .is_some_and(known);
    let key = |format: Format| {
        let path = match strip {
            true => path.with_extension(format.as_str()),
            false => path.with_added_extension(format.as_str()),
        };
        path.to_string_lossy().into_owned()
    };
    let others = formats.iter().filter(|format| **format != Format::Html);
    Place {
        page_key: key(Format::Html),
        page: formats.contains(&Format::Html),
        files: others
            .map(|format| PlannedFile {
                format: *format,
                key: key(*format),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notebook(path: &str) -> Notebook {
        Notebook {
            path: path.to_owned(),
            file: Path::new("/p").join(path),
            source: Ok(Default::default()),
        }
    }

    fn decide(
        paths: &[&str],
        output: Option<&str>,
        formats: &[Format],
    ) -> Result<(String, Vec<String>), String> {
        let notebooks: Vec<Notebook> = paths.iter().map(|path| notebook(path)).collect();
        let output = output.map(|given| Output {
            given: Path::new(given),
            path: Path::new("/p").join(given),
        });
        let places = Places::decide(&notebooks, output.as_ref(), formats, paths.len());
        let places = places.map_err(|error| error.to_string())?;
        let keys = places.notebooks.iter().flat_map(|place| {
            let page = place.page.then(|| place.page_key.clone());
            page.into_iter()
                .chain(place.files.iter().map(|file| file.key.clone()))
        });
        Ok((places.root.display().to_string(), keys.collect()))
    }

    #[test]
    fn files_go_beside_below_or_where_they_are_told() {
        use Format::{Html, Ipynb, Md};
        let ok = |root: &str, keys: &[&str]| {
            Ok((
                root.to_owned(),
                keys.iter().map(|k| (*k).to_owned()).collect(),
            ))
        };
        assert_eq!(
            decide(&["nb/a.py"], None, &[Html]),
            ok("/p/nb", &["a.html"])
        );
        assert_eq!(
            decide(&["x/a.py", "y/a.py"], None, &[Html, Md]),
            ok("/p", &["x/a.html", "x/a.md", "y/a.html", "y/a.md"])
        );
        assert_eq!(
            decide(&["x/a.py", "y/a.py"], Some("out"), &[Ipynb]),
            ok("/p/out", &["x/a.ipynb", "y/a.ipynb"])
        );
        assert_eq!(
            decide(&["nb/a.py"], Some("out/"), &[Html]),
            ok("/p/out/", &["nb/a.html"])
        );
        assert_eq!(
            decide(&["nb/a.py"], Some("o/page"), &[Html]),
            ok("/p/o", &["page"])
        );
        assert_eq!(
            decide(&["nb/a.py"], Some("o/page.html"), &[Html, Md]),
            ok("/p/o", &["page.html", "page.md"])
        );
        assert_eq!(
            decide(&["nb/a.py"], Some("o.v1"), &[Md]),
            ok("/p", &["o.v1"])
        );
    }

    #[test]
    fn nothing_is_written_twice_or_over_a_notebook() {
        use Format::Html;
        let refused = |paths: &[&str], output| decide(paths, output, &[Html]).unwrap_err();
        assert!(refused(&["a.py", "b.py"], Some("x.html")).contains("2 notebooks"));
        assert!(refused(&["a.py"], Some("a.py")).contains("is a notebook"));
        assert!(refused(&["a.py", "a.interactive.py"], None).contains("both"));
    }
}
