//! Complete an environment of the user's without touching it.

use std::path::{Path, PathBuf};

use super::Session;
use super::build::{Installer, install_missing, refuse_incomplete, reprobe, write};
use super::cache::{Recipe, Slot, create_folder, prune};
use super::choose::Base;
use super::probe::Probe;
use crate::project::Error;

/// The packages of an environment of the user's, and what it lacks in front of them.
pub(super) async fn overlay(
    user: &Probe,
    missing: &[&str],
    session: &Session<'_>,
) -> Result<Probe, Error> {
    let installed: Vec<String> = user
        .distributions
        .iter()
        .map(|(name, version)| format!("{name}=={version}"))
        .collect();
    let recipe = Recipe::default()
        .with("kind", "overlay")
        .with("interpreter", user.python.to_string_lossy())
        .with("python", &user.version)
        .with("missing", missing.join(" "))
        .with("installed", installed.join("\n"))
        .with("installer", format!("{:?}", session.installer));
    let label = format!(
        "overlay-{}",
        session
            .root
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
    );
    let slot = Slot::new(session.cache, &label, recipe);
    if !slot.is_complete() {
        let _lock = slot.lock(session.progress).await?;
        if !slot.is_complete() {
            slot.clear()?;
            build_overlay(&slot, user, missing, session).await?;
            refuse_incomplete(&slot, session).await?;
            slot.complete()?;
            prune(session.cache);
        }
    }
    reprobe(&slot.python(), session).await
}

async fn build_overlay(
    slot: &Slot,
    user: &Probe,
    missing: &[&str],
    session: &Session<'_>,
) -> Result<(), Error> {
    session.step(format!(
        "Adding {} in front of `{}`, which stays as it is",
        missing.join(", "),
        user.prefix.display()
    ));
    let installer = Installer::find(Some(&user.python), session).await;
    let base = Base::Found(Box::new(user.clone()));
    installer.venv(&slot.path, &base, session).await?;
    let packages = site_packages(&slot.path, user);
    // `addsitedir` rather than the bare paths: the user's own `.pth` files, those of editable
    // installs among them, are to be read too. It appends, so the overlay comes first.
    let folders = serde_json::to_string(&user.site_dirs).unwrap_or_else(|_| "[]".to_owned());
    // `map`, since the names of this line are out of reach of a comprehension: `site` runs it inside
    // a function.
    let line = format!("import site; list(map(site.addsitedir, {folders}))\n");
    let link = packages.join("daglab-overlay.pth");
    match installer {
        Installer::Uv(_) => {
            // uv looks at the overlay alone. Told what the user has, it installs only the rest.
            let told = tell_installed(&packages, user)?;
            let result = install_missing(slot, user, missing, &installer, session).await;
            for folder in told {
                let _ = std::fs::remove_dir_all(folder);
            }
            result?;
            write(&link, &line)
        }
        Installer::Pip => {
            // pip follows the link, and takes what it finds there for installed.
            write(&link, &line)?;
            install_missing(slot, user, missing, &installer, session).await
        }
    }
}

fn site_packages(environment: &Path, probe: &Probe) -> PathBuf {
    let minor = probe
        .version
        .splitn(3, '.')
        .take(2)
        .collect::<Vec<_>>()
        .join(".");
    environment
        .join("lib")
        .join(format!("python{minor}"))
        .join("site-packages")
}

/// Puts a bare description of each of the user's packages into `packages`. Their dependencies are
/// left out: whether these are met is the user's environment's affair.
fn tell_installed(packages: &Path, user: &Probe) -> Result<Vec<PathBuf>, Error> {
    let mut told = Vec::new();
    for (name, version) in &user.distributions {
        let folder = packages.join(format!("{}-{version}.dist-info", name.replace('-', "_")));
        if folder.exists() {
            continue;
        }
        create_folder(&folder)?;
        let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
        write(&folder.join("METADATA"), &metadata)?;
        write(&folder.join("RECORD"), "")?;
        told.push(folder);
    }
    Ok(told)
}
