//! What a notebook can be exported to, and the command line of marimo that does it.
//!
//! Which options an installed marimo has is read from what its `--help` says, so that no table of
//! versions must be kept.

use std::path::Path;

/// A format of exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// The page.
    Html,
    /// Markdown with the code in fences; nothing is run.
    Md,
    /// A Jupyter notebook with outputs.
    Ipynb,
    /// A document with outputs.
    Pdf,
}

impl Format {
    /// The name in flags, in reports and for marimo, which is also the file's extension.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Md => "md",
            Self::Ipynb => "ipynb",
            Self::Pdf => "pdf",
        }
    }

    /// The format of an extension.
    pub fn of_extension(extension: &str) -> Option<Self> {
        [Self::Html, Self::Md, Self::Ipynb, Self::Pdf]
            .into_iter()
            .find(|format| format.as_str() == extension)
    }

    /// Whether the notebook is run for it.
    pub fn runs(self) -> bool {
        self != Self::Md
    }

    /// Whether a file of this format is whole, as far as its beginning and end tell.
    pub fn is_whole(self, bytes: &[u8]) -> bool {
        match self {
            Self::Html => bytes.trim_ascii_end().ends_with(b"</html>"),
            Self::Md => !bytes.is_empty() && std::str::from_utf8(bytes).is_ok(),
            Self::Ipynb => serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok(),
            Self::Pdf => bytes.starts_with(b"%PDF-") && bytes.trim_ascii_end().ends_with(b"%%EOF"),
        }
    }
}

/// What the installed marimo can do for one format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ability {
    format: Format,
    outputs: bool,
    force: bool,
    sandbox: bool,
    arguments: bool,
}

/// What a marimo lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// The format itself.
    Format,
    /// Outputs in a format that is nothing without them.
    Outputs,
    /// Arguments for the notebook.
    Arguments,
}

impl Ability {
    /// Reads what `marimo export FORMAT --help` has printed.
    pub fn of_help(format: Format, help: &str) -> Result<Self, Lack> {
        let has = |option: &str| {
            help.split(|c: char| c.is_whitespace() || ",/[]".contains(c))
                .any(|word| word == option)
        };
        if !has("--output") {
            return Err(Lack::Format);
        }
        let ability = Self {
            format,
            outputs: has("--include-outputs"),
            force: has("--force"),
            sandbox: has("--no-sandbox"),
            arguments: has("ARGS"),
        };
        // A document of this kind has outputs anyway, where there is no option for them.
        if format == Format::Ipynb && !ability.outputs {
            return Err(Lack::Outputs);
        }
        Ok(ability)
    }

    /// Whether it can give a notebook what it is to be given.
    pub fn check_arguments(self, arguments: &[String]) -> Result<(), Lack> {
        if arguments.is_empty() || self.arguments || !self.format.runs() {
            Ok(())
        } else {
            Err(Lack::Arguments)
        }
    }

    /// The command line, without the program.
    pub fn argv(self, notebook: &Path, output: &Path, arguments: &[String]) -> Vec<String> {
        let mut argv: Vec<String> = ["-y", "export", self.format.as_str()]
            .map(str::to_owned)
            .into();
        argv.push(notebook.display().to_string());
        argv.extend(["-o".to_owned(), output.display().to_string()]);
        for (wanted, option) in [
            (self.force, "--force"),
            (self.sandbox, "--no-sandbox"),
            (self.outputs && self.format.runs(), "--include-outputs"),
        ] {
            argv.extend(wanted.then(|| option.to_owned()));
        }
        if self.format.runs() && !arguments.is_empty() {
            argv.push("--".to_owned());
            argv.extend(arguments.iter().cloned());
        }
        argv
    }
}

/// What marimo misses according to what it has printed, and how to install it: packages that only
/// some formats need.
pub fn missing_packages(log: &str) -> Option<Missing> {
    let lines = || log.lines().map(str::trim);
    let command = |line: &str| {
        [
            "pip install ",
            "uv add ",
            "uv pip install ",
            "playwright install",
        ]
        .iter()
        .any(|part| line.contains(part))
    };
    // Newer versions give tips; of older ones, Python itself says it.
    let module = lines().find_map(|line| {
        let rest = line.split_once("No module named ")?.1;
        let name = rest.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let top = name.split('.').next()?;
        ["nbformat", "nbconvert", "playwright"]
            .contains(&top)
            .then(|| top.to_owned())
    });
    let install: Vec<&str> = lines().filter(|line| command(line)).collect();
    if install.is_empty() && module.is_none() {
        return None;
    }
    let what = lines().find_map(|line| {
        let line = line.strip_prefix("Error: ").unwrap_or(line);
        (line.contains("required") || line.contains("Executable doesn't exist"))
            .then(|| line.trim_end_matches('.').to_owned())
    });
    Some(Missing {
        what: what
            .or_else(|| {
                module
                    .as_ref()
                    .map(|name| format!("`{name}` is not installed"))
            })
            .unwrap_or_else(|| "a package that it needs is not installed".to_owned()),
        install: match install.first() {
            Some(line) => (*line).to_owned(),
            None => format!("python -m pip install {}", module.unwrap_or_default()),
        },
    })
}

/// What is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// In marimo's words.
    pub what: String,
    /// The command that installs it.
    pub install: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const IPYNB: &str = "Usage: marimo export ipynb [OPTIONS] NAME [ARGS]...\n\
        Options:\n  -o, --output PATH  Where\n  --include-outputs / --no-include-outputs\n  \
        --sandbox / --no-sandbox\n  -f, --force\n";

    #[test]
    fn the_command_line_has_what_the_installed_marimo_knows() {
        let ability = Ability::of_help(Format::Ipynb, IPYNB).unwrap();
        let args = ["--x".to_owned(), "1".to_owned()];
        assert_eq!(
            ability.argv(Path::new("n.py"), Path::new("o.ipynb"), &args),
            [
                "-y",
                "export",
                "ipynb",
                "n.py",
                "-o",
                "o.ipynb",
                "--force",
                "--no-sandbox",
                "--include-outputs",
                "--",
                "--x",
                "1"
            ]
        );
        let old = "Usage: marimo export md [OPTIONS] NAME\n  -o, --output PATH\n";
        let ability = Ability::of_help(Format::Md, old).unwrap();
        assert_eq!(
            ability.argv(Path::new("n.py"), Path::new("o.md"), &args),
            ["-y", "export", "md", "n.py", "-o", "o.md"]
        );
        assert_eq!(ability.check_arguments(&args), Ok(()));
    }

    #[test]
    fn what_a_version_lacks_is_known_by_its_help() {
        let none = "Usage: marimo export [OPTIONS] COMMAND\nError: No such command 'pdf'.\n";
        assert_eq!(Ability::of_help(Format::Pdf, none), Err(Lack::Format));
        let old = "Usage: marimo export ipynb [OPTIONS] NAME\n  -o, --output PATH\n";
        assert_eq!(Ability::of_help(Format::Ipynb, old), Err(Lack::Outputs));
        let pdf = "Usage: marimo export pdf [OPTIONS] NAME\n  -o, --output PATH\n";
        let pdf = Ability::of_help(Format::Pdf, pdf).unwrap();
        assert_eq!(pdf.check_arguments(&["x".to_owned()]), Err(Lack::Arguments));
    }

    #[test]
    fn missing_packages_are_named_with_their_remedy() {
        let said = "Error: The following packages are required for PDF export: nbformat\n\n  \
                    Tip: Install with:\n\n    python -m pip install nbformat\n";
        let missing = missing_packages(said).unwrap();
        assert_eq!(
            missing.what,
            "The following packages are required for PDF export: nbformat"
        );
        assert_eq!(missing.install, "python -m pip install nbformat");
        let raised = "ModuleNotFoundError: No module named 'nbformat'\n";
        let missing = missing_packages(raised).unwrap();
        assert_eq!(missing.what, "`nbformat` is not installed");
        assert!(missing_packages("ModuleNotFoundError: No module named 'orders'\n").is_none());
        assert!(missing_packages("all is well").is_none());
    }

    #[test]
    fn a_cut_file_is_not_whole() {
        assert!(Format::Pdf.is_whole(b"%PDF-1.7\n...\n%%EOF\n"));
        assert!(!Format::Pdf.is_whole(b"%PDF-1.7\n..."));
        assert!(Format::Ipynb.is_whole(b"{\"cells\": []}"));
        assert!(!Format::Ipynb.is_whole(b"{\"cells\": ["));
        assert!(!Format::Md.is_whole(b""));
    }
}
