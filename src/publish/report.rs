//! A report beside its pages in an object store, and what leads to it.

use std::collections::BTreeMap;

use super::remote::{Content, Entry, Error, NotebookEntry, Publication};
use super::retention::Policy;
use crate::report::html;
use crate::report::model::{CiReport, NotebookReport, PublishedRun};

/// Publishes the report and its index beside the run's pages, leads people there, and deletes what is
/// not to be kept any longer. The report then says where it is. Gives what to say of what could not be
/// deleted.
pub async fn publish(
    publication: &Publication,
    report: &mut CiReport,
    keep: Policy,
) -> Result<Vec<String>, Error> {
    let index = publication.link("index.html").await?;
    let expires_at = index.expires_at.map(|at| format!("{at:.0}"));
    report.published = Some(PublishedRun {
        place: publication.place(),
        index_url: Some(index.url),
        runs_url: match publication.is_signed() {
            // Its own links would need signatures.
            true => None,
            false => Some(publication.link_to_runs().await?.url),
        },
        links_expire_at: expires_at,
        note: publication.note().map(str::to_owned),
    });
    let page = match publication.is_signed() {
        true => html::render(&alone(report)),
        false => html::render(&beside(report, publication)),
    };
    let files = vec![
        ("index.html".to_owned(), Content::Bytes(page.into_bytes())),
        (
            "report.json".to_owned(),
            Content::Bytes(report.to_json().into_bytes()),
        ),
    ];
    for (_, stored) in publication.put_all(files).await? {
        stored?;
    }
    publication.finish(entry(report, publication)).await?;
    // The pages are there, whatever becomes of older ones.
    Ok(match publication.sweep(keep).await {
        Ok(removed) => {
            let left = removed.into_iter().filter_map(|removed| {
                let why = removed.left?;
                Some(format!("`{}` is kept: {why}", removed.item.dir()))
            });
            left.collect()
        }
        Err(error) => vec![format!("older runs are kept: {error}")],
    })
}

/// What pages are called in the store: by their notebooks, whichever command has made them, so that
/// the latest page of a notebook is always in one place.
pub fn names(notebooks: &[NotebookReport]) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for notebook in notebooks {
        let stem = match notebook.path.strip_suffix(".py").unwrap_or(&notebook.path) {
            // The run's own page has that name.
            "index" => "index.notebook",
            stem => stem,
        };
        let mut name = |local: &str, extension: &str| {
            names.insert(local.to_owned(), format!("{stem}.{extension}"));
        };
        if let Some(html) = &notebook.html {
            name(html, "html");
        }
        if let Some(html) = &notebook.interactive {
            name(html, "interactive.html");
        }
        for file in &notebook.files {
            name(&file.path, &file.format);
        }
    }
    names
}

/// Leads the links of notebooks to their pages in the store.
pub async fn link(
    publication: &Publication,
    notebooks: &mut [NotebookReport],
) -> Result<(), Error> {
    for notebook in notebooks {
        // Without a page, what it was exported to.
        let files = notebook.files.iter().map(|file| &file.path);
        let mut names = notebook.html.iter().chain(files);
        let name = names.find(|name| publication.has(name)).cloned();
        if let Some(name) = name {
            let link = publication.link(&name).await?;
            notebook.url = Some(link.url);
            notebook.url_expires_at = link.expires_at.map(|at| format!("{at:.0}"));
        }
    }
    Ok(())
}

/// The report for an index that lies beside the files, by the names that they have there.
fn beside(report: &CiReport, publication: &Publication) -> CiReport {
    let mut beside = report.clone();
    let rename = |name: &mut Option<String>| {
        *name = name.as_deref().and_then(|name| publication.name(name));
    };
    for notebook in &mut beside.notebooks {
        rename(&mut notebook.html);
        rename(&mut notebook.interactive);
        for cell in &mut notebook.cells {
            let images = std::mem::take(&mut cell.images).into_iter();
            cell.images = images.filter_map(|it| publication.name(&it)).collect();
        }
    }
    for run in &mut beside.runs {
        rename(&mut run.log);
    }
    beside
}

/// The report for an index of which nothing can be reached but by signed links.
fn alone(report: &CiReport) -> CiReport {
    let mut alone = report.clone();
    for notebook in &mut alone.notebooks {
        notebook.interactive = None;
        if notebook.url_expires_at.is_some() {
            notebook.html = None;
        }
        for cell in &mut notebook.cells {
            cell.images.clear();
        }
    }
    for run in &mut alone.runs {
        run.log = None;
    }
    alone
}

fn entry(report: &CiReport, publication: &Publication) -> Entry {
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let notebook = |notebook: &NotebookReport| NotebookEntry {
        path: notebook.path.clone(),
        title: notebook.title.clone(),
        status: word(serde_json::json!(notebook.status)),
        page: notebook
            .html
            .as_deref()
            .and_then(|page| publication.name(page)),
    };
    let origin = report.origin.as_ref();
    Entry {
        run: String::new(),
        started_at: report.started_at.clone(),
        commit: origin
            .map(|origin| origin.head_sha.clone())
            .filter(|sha| !sha.is_empty())
            .or_else(|| report.project.commit.clone()),
        result: word(serde_json::json!(report.result)),
        url: origin.map(|origin| origin.run_url.clone()),
        notebooks: report.notebooks.iter().map(notebook).collect(),
    }
}
