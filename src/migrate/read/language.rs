//! The language of a notebook's kernel.

use serde_json::{Map, Value};

use super::{Invalid, object, string};
use crate::migrate::{Issue, Severity};

/// Refuses what is not Python.
pub(super) fn check(metadata: &Map<String, Value>, issues: &mut Vec<Issue>) -> Result<(), Invalid> {
    let (spec, info) = (
        object(metadata, "kernelspec"),
        object(metadata, "language_info"),
    );
    let kernel = string(spec, "name").unwrap_or_default().to_lowercase();
    let language = string(spec, "language").or_else(|| string(info, "name"));
    let language = language.map(str::to_lowercase).or_else(|| {
        let of_kernel = [
            ("ir", "r"),
            ("julia", "julia"),
            ("bash", "bash"),
            ("javascript", "javascript"),
            ("deno", "typescript"),
            ("scala", "scala"),
            ("almond", "scala"),
            ("octave", "octave"),
            ("matlab", "matlab"),
            (".net", "c#"),
            ("sparkkernel", "scala"),
            ("ruby", "ruby"),
            ("gophernotes", "go"),
            ("xcpp", "c++"),
            ("sagemath", "sage"),
            ("iperl", "perl"),
        ];
        let found = of_kernel
            .iter()
            .find(|(name, _)| kernel == *name || (name.len() > 2 && kernel.starts_with(name)));
        found.map(|(_, language)| (*language).to_owned())
    });
    let language = language.unwrap_or_else(|| "python".to_owned());
    if !matches!(
        &*language,
        "python" | "ipython" | "python2" | "python3" | "ipython3" | "cython"
    ) {
        let language = crate::ui::text::one_line(&language);
        let title = string(spec, "display_name").map(crate::ui::text::one_line);
        let title = title
            .map(|title| format!(", kernel `{title}`"))
            .unwrap_or_default();
        let refused = format!("its language is {language}{title}: marimo runs Python only");
        return Err(Invalid::at(refused, "$.metadata.kernelspec"));
    }
    let version = string(info, "version").unwrap_or_default();
    if version.starts_with("2.") || kernel == "python2" {
        issues.push(
            Issue::new(Severity::Review, "python2", "it was written for Python 2").action(
                "look at divisions, `print`, strings, and what dictionaries' methods return",
            ),
        );
    }
    if kernel.contains("spark") {
        issues.push(
            Issue::new(
                Severity::Manual,
                "kernel",
                "its kernel runs the code on a Spark cluster",
            )
            .action("make a session in the notebook, for example with `pyspark` or Spark Connect"),
        );
    }
    Ok(())
}
