//! Where links go, what is said of it, and the code that is left when nothing else works.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Error, ExportArgs};
use crate::ci::deployment::SNIPPET;
use crate::commands::{Context, Failure};
use crate::config::Loaded;
use crate::dagster::snippet::Snippet;
use crate::dagster::{AssetKey, ClientConfig};
use crate::host::instance::Kind;
use crate::project::notebooks::slugs;
use crate::report::model::{Attachment, CiReport, Target};
use crate::report::summary::target_line;

/// The Dagster that notebooks speak to, and that links go to.
pub(super) enum Where {
    /// A fresh instance that is removed in the end.
    Ephemeral,
    /// The instance in a directory.
    Instance(PathBuf),
    /// A web server that is there already.
    Deployment(Box<ClientConfig>),
}

impl Where {
    /// The instance to start, if there is one.
    pub(super) fn kind(self) -> Option<Kind> {
        match self {
            Self::Ephemeral => Some(Kind::Ephemeral),
            Self::Instance(home) => Some(Kind::Existing(home)),
            Self::Deployment(_) => None,
        }
    }
}

impl ExportArgs {
    /// Where links go; none if there are none and no server is named. A flag comes before
    /// `DAGSTER_HOME`, and that before the address in `daglab.yaml`, which is written for all.
    pub(super) fn place(
        &self,
        context: &Context,
        loaded: &Loaded,
        root: &Path,
    ) -> Result<Option<Where>, Failure> {
        let deployment = || {
            let config = self.connect.config(context, loaded, root)?;
            Ok(Some(Where::Deployment(Box::new(config))))
        };
        if self.connect.is_given() || self.deployment {
            return deployment();
        }
        let linked = self.attach.is_some() || self.job.is_some();
        if !linked || self.print_snippet {
            return Ok(None);
        }
        if let Some(home) = context.variable("DAGSTER_HOME") {
            return Ok(Some(Where::Instance(home.into())));
        }
        if self.connect.names_a_server(context, loaded) {
            return deployment();
        }
        Err(Error::NoDagster.into())
    }
}

/// What became of a link, in a sentence.
pub(super) fn sentence(attachment: &Attachment) -> Option<String> {
    let way = match attachment.way.as_deref() {
        Some("instance") => "in the instance of `DAGSTER_HOME`",
        Some("rest") => "over the REST path of Dagster's web server",
        Some("graphql") if attachment.kind == "observation" => {
            "over GraphQL, in the description of an observation"
        }
        Some("graphql") => "over GraphQL",
        _ => return None,
    };
    let what = match attachment.kind.as_str() {
        "asset_check" => "the verdict on",
        _ => "the link to",
    };
    Some(format!(
        "{what} `{}` is attached to the {} {way}",
        attachment.notebook,
        target_line(&attachment.target)
    ))
}

/// The code for an asset, with the links of all notebooks that are about it.
pub(super) fn snippet(key: &str, links: &[(&str, &str)], label: &str) -> Option<String> {
    let key = AssetKey::parse(key)?;
    let paths: Vec<String> = links.iter().map(|(path, _)| (*path).to_owned()).collect();
    let labels: Vec<String> = match paths.len() {
        1 => vec![label.to_owned()],
        _ => slugs(&paths)
            .iter()
            .map(|slug| format!("{label}_{slug}"))
            .collect(),
    };
    let urls = links.iter().map(|(_, url)| (*url).to_owned());
    let links: Vec<(String, String)> = labels.into_iter().zip(urls).collect();
    (!links.is_empty()).then(|| Snippet::new(&key, &links).to_module())
}

/// The code for links that could not be attached, by asset.
pub(super) fn snippets_left(report: &CiReport, label: &str) -> Vec<(String, String)> {
    let mut left: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for attachment in &report.attachments {
        let Target::Asset { key, .. } = &attachment.target else {
            continue;
        };
        if attachment.ok || attachment.way.as_deref() != Some(SNIPPET) {
            continue;
        }
        let of_it = |path: &str| path == attachment.notebook;
        let notebook = report.notebooks.iter().find(|it| of_it(&it.path));
        if let Some((notebook, url)) = notebook.and_then(|it| Some((it, it.url.as_deref()?))) {
            left.entry(key).or_default().push((&notebook.path, url));
        }
    }
    left.into_iter()
        .filter_map(|(key, links)| Some((key.to_owned(), snippet(key, &links, label)?)))
        .collect()
}
