//! Which third-party modules are worth importing once, before anything is forked.
//!
//! Names only: nothing is imported or looked up here.

use std::collections::{BTreeMap, BTreeSet};

/// Modules that must not be imported in a process that forks later, though many notebooks do:
/// they start threads or open connections when they are imported.
const NEVER: &[&str] = &["grpc", "jpype", "pyspark", "ray", "tensorflow", "torch"];

/// The top-level modules that at least two notebooks import, the most wanted first and otherwise by
/// name. Neither the standard library nor the project's own modules are among them: the first costs
/// nothing, the second must be imported fresh in every process.
///
/// The host looks again, at where each module would come from: an editable install is the project's
/// own, too, whatever its name.
///
/// `per_notebook` holds the imported names of each notebook; `pandas.api` counts as `pandas`, and a
/// name that a notebook imports twice counts once.
pub fn preload_candidates(
    per_notebook: &[Vec<String>],
    project_modules: &BTreeSet<String>,
) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for names in per_notebook {
        let modules: BTreeSet<&str> = names.iter().filter_map(|name| top_level(name)).collect();
        for module in modules {
            if !is_standard_library(module)
                && !project_modules.contains(module)
                && !NEVER.contains(&module)
            {
                *counts.entry(module).or_default() += 1;
            }
        }
    }
    let mut shared: Vec<(&str, usize)> = counts.into_iter().filter(|(_, n)| *n >= 2).collect();
    shared.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    shared
        .into_iter()
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The first part of a dotted name; `None` for a relative import or what is no name at all.
fn top_level(name: &str) -> Option<&str> {
    let first = name.trim().split('.').next()?;
    let mut chars = first.chars();
    let starts = chars.next().is_some_and(|c| c == '_' || c.is_alphabetic());
    (starts && chars.all(|c| c == '_' || c.is_alphanumeric())).then_some(first)
}

/// Whether a top-level module belongs to the standard library of any Python from 3.10 on.
pub fn is_standard_library(module: &str) -> bool {
    STANDARD_LIBRARY.binary_search(&module).is_ok()
}

/// `sys.stdlib_module_names` of 3.10 to 3.14 without the private ones, which no notebook imports.
#[rustfmt::skip]
const STANDARD_LIBRARY: &[&str] = &[
    "__future__", "_thread", "abc", "aifc", "annotationlib", "antigravity", "argparse", "array",
    "ast", "asynchat", "asyncio", "asyncore", "atexit", "audioop", "base64", "bdb", "binascii",
    "binhex", "bisect", "builtins", "bz2", "cProfile", "calendar", "cgi", "cgitb", "chunk", "cmath",
    "cmd", "code", "codecs", "codeop", "collections", "colorsys", "compileall", "compression",
    "concurrent", "configparser", "contextlib", "contextvars", "copy", "copyreg", "crypt", "csv",
    "ctypes", "curses", "dataclasses", "datetime", "dbm", "decimal", "difflib", "dis", "distutils",
    "doctest", "email", "encodings", "ensurepip", "enum", "errno", "faulthandler", "fcntl",
    "filecmp", "fileinput", "fnmatch", "fractions", "ftplib", "functools", "gc", "genericpath",
    "getopt", "getpass", "gettext", "glob", "graphlib", "grp", "gzip", "hashlib", "heapq", "hmac",
    "html", "http", "idlelib", "imaplib", "imghdr", "imp", "importlib", "inspect", "io",
    "ipaddress", "itertools", "json", "keyword", "lib2to3", "linecache", "locale", "logging",
    "lzma", "mailbox", "mailcap", "marshal", "math", "mimetypes", "mmap", "modulefinder", "msilib",
    "msvcrt", "multiprocessing", "netrc", "nis", "nntplib", "nt", "ntpath", "nturl2path", "numbers",
    "opcode", "operator", "optparse", "os", "ossaudiodev", "pathlib", "pdb", "pickle",
    "pickletools", "pipes", "pkgutil", "platform", "plistlib", "poplib", "posix", "posixpath",
    "pprint", "profile", "pstats", "pty", "pwd", "py_compile", "pyclbr", "pydoc", "pydoc_data",
    "pyexpat", "queue", "quopri", "random", "re", "readline", "reprlib", "resource", "rlcompleter",
    "runpy", "sched", "secrets", "select", "selectors", "shelve", "shlex", "shutil", "signal",
    "site", "smtpd", "smtplib", "sndhdr", "socket", "socketserver", "spwd", "sqlite3",
    "sre_compile", "sre_constants", "sre_parse", "ssl", "stat", "statistics", "string",
    "stringprep", "struct", "subprocess", "sunau", "symtable", "sys", "sysconfig", "syslog",
    "tabnanny", "tarfile", "telnetlib", "tempfile", "termios", "textwrap", "this", "threading",
    "time", "timeit", "tkinter", "token", "tokenize", "tomllib", "trace", "traceback",
    "tracemalloc", "tty", "turtle", "turtledemo", "types", "typing", "unicodedata", "unittest",
    "urllib", "uu", "uuid", "venv", "warnings", "wave", "weakref", "webbrowser", "winreg",
    "winsound", "wsgiref", "xdrlib", "xml", "xmlrpc", "zipapp", "zipfile", "zipimport", "zlib",
    "zoneinfo",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_two_notebooks_share_is_a_candidate() {
        let notebooks = [
            names(&["pandas", "altair", "os", "orders", "numpy"]),
            names(&[
                "pandas.api.types",
                "altair",
                "orders.assets",
                "json",
                "pandas",
            ]),
            names(&["pandas", "polars", ".local", "torch"]),
            names(&["torch", "numpy", "numpy.linalg"]),
        ];
        let own = BTreeSet::from(["orders".to_owned()]);
        assert_eq!(
            preload_candidates(&notebooks, &own),
            ["pandas", "altair", "numpy"]
        );
    }

    #[test]
    fn one_notebook_shares_nothing() {
        assert!(preload_candidates(&[names(&["pandas", "pandas"])], &BTreeSet::new()).is_empty());
        assert!(preload_candidates(&[], &BTreeSet::new()).is_empty());
    }

    #[test]
    fn the_list_of_the_standard_library_is_sorted() {
        assert!(STANDARD_LIBRARY.is_sorted());
        assert!(is_standard_library("tomllib") && is_standard_library("distutils"));
        assert!(!is_standard_library("pandas"));
    }
}
