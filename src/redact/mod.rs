//! Which environment variables children may see, and which [`secrets`] must not leave the process.
//!
//! Code under test is foreign. It gets what programs need to run at all, and beyond that only what
//! the user names: a token in a runner's environment is not a notebook's business.

pub mod secrets;

use std::collections::BTreeMap;

use crate::config::model::Security;

/// Names that every child sees, where they are set.
const NAMES: &[&str] = &[
    "CI",
    "CURL_CA_BUNDLE",
    "HOME",
    "HOSTNAME",
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "MPLBACKEND",
    "NO_COLOR",
    "PATH",
    "PWD",
    "REQUESTS_CA_BUNDLE",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TEMP",
    "TERM",
    "TMP",
    "TMPDIR",
    "TZ",
    "USER",
    "VIRTUAL_ENV",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
];

/// Beginnings of names that every child sees.
const PREFIXES: &[&str] = &[
    "LC_",
    "XDG_",
    "PYTHON",
    "CONDA_",
    "OMP_",
    "OPENBLAS_",
    "MKL_",
    "NUMEXPR_",
    "CUDA_",
    "NVIDIA_",
    "MARIMO_",
];

/// Variables that steer Dagster towards an instance or a deployment of its own. They never reach a
/// child by the list: the ephemeral instance must not find its way to production.
const NEVER: &[&str] = &["DAGSTER_HOME", "DAGLAB_GUARDED"];

/// Whether a variable may reach a child if the user or the project names it.
pub fn may_be_named(name: &str) -> bool {
    !NEVER.contains(&name)
}

/// The variables by which what a child asks daglab for passes the same gate as its parent, whatever
/// folder it asks from and whichever layer the settings came from; none out of the sandbox.
pub fn sandbox(security: &Security) -> BTreeMap<String, String> {
    if !security.sandbox_mode {
        return BTreeMap::new();
    }
    // JSON, which is YAML, as variables are read.
    let allowed = serde_json::json!(security.allowed_operations).to_string();
    BTreeMap::from([
        (
            "DAGLAB_SECURITY__SANDBOX_MODE".to_owned(),
            "true".to_owned(),
        ),
        ("DAGLAB_SECURITY__ALLOWED_OPERATIONS".to_owned(), allowed),
    ])
}

/// The variables that children may see: the list above and what the user named.
pub fn allowed<I>(variables: I, named: &[String]) -> BTreeMap<String, String>
where
    I: IntoIterator<Item = (String, String)>,
{
    variables
        .into_iter()
        .filter(|(name, _)| {
            let listed = NAMES.contains(&name.as_str())
                || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            let asked_for = named.iter().any(|wanted| wanted == name);
            (listed || asked_for) && may_be_named(name)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(named: &[&str]) -> Vec<String> {
        let variables = [
            "PATH",
            "GITHUB_TOKEN",
            "ACTIONS_RUNTIME_TOKEN",
            "INPUT_GITHUB-TOKEN",
            "LC_ALL",
            "AWS_SECRET_ACCESS_KEY",
            "DATABASE_URL",
            "DAGSTER_HOME",
            "DAGSTER_CLOUD_API_TOKEN",
        ];
        let named: Vec<String> = named.iter().map(|&name| name.to_owned()).collect();
        allowed(
            variables.map(|name| (name.to_owned(), "x".to_owned())),
            &named,
        )
        .into_keys()
        .collect()
    }

    #[test]
    fn only_the_list_passes() {
        assert_eq!(names(&[]), ["LC_ALL", "PATH"]);
    }

    #[test]
    fn what_the_user_names_passes_but_never_an_instance() {
        assert_eq!(
            names(&["DATABASE_URL", "DAGSTER_HOME"]),
            ["DATABASE_URL", "LC_ALL", "PATH"]
        );
    }

    #[test]
    fn a_child_is_in_the_sandbox_of_its_parent() {
        let mut security = Security::default();
        assert!(sandbox(&security).is_empty());
        security.sandbox_mode = true;
        for allowed in [vec![], vec!["launchRun".to_owned()]] {
            security.allowed_operations = allowed;
            let request = crate::config::Request {
                env: sandbox(&security).into_iter().collect(),
                ..crate::config::Request::default()
            };
            let loaded = crate::config::load(&request).unwrap();
            assert_eq!(loaded.settings.security, security);
        }
    }
}
