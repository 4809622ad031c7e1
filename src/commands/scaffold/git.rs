//! Who makes a notebook, and what its commit says.

use super::Setting;
use super::make::Made;
use crate::commands::prepare;
use crate::scaffold::context::Kind;

/// How long a commit's first line is at most, in characters.
const SUBJECT: usize = 72;

/// Who makes the notebooks: as git knows them, or as the system does.
pub(super) fn author(setting: &Setting<'_>) -> String {
    let name = prepare::git(&setting.root, &["config", "user.name"]);
    let user = || setting.context.variable("USER").map(str::to_owned);
    let name = name.or_else(user).unwrap_or_else(|| "unknown".to_owned());
    name.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The message of the commit.
pub(super) fn message(made: &[Made]) -> String {
    let subject = match made {
        [only] => match only.kind {
            Kind::Selection => format!("Add a notebook for `{}`", only.name),
            kind => format!("Add a notebook for the {} {}", kind.as_str(), only.name),
        },
        many => format!("Add {} notebooks", many.len()),
    };
    let subject: String = subject
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SUBJECT)
        .collect();
    match made {
        [_] => subject,
        many => {
            let files: Vec<String> = many.iter().map(|it| format!("- {}", it.file)).collect();
            format!("{subject}\n\n{}", files.join("\n"))
        }
    }
}
