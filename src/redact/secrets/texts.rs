//! The texts of values that are published.
//!
//! Structures are taken apart by name, so that a new field is an error of the compiler until it is
//! said whether it holds text. Nothing is written and read back, so nothing can fail on the way.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json::is_a_field;
use crate::report::model::{
    Attachment, CellError, CellReport, CiReport, Finding, LocationReport, Materialization,
    NotebookReport, ProjectInfo, PublishedRun, RunError, RunReport, StepReport, Target,
};

/// What is done with a text.
pub type Visit<'a> = &'a dyn Fn(&mut String);

/// A value whose texts can be changed in place. Names of fields, words of enumerations, numbers and
/// what files are found by are none.
pub trait Texts {
    /// Calls `visit` with every text.
    fn visit_texts(&mut self, visit: Visit<'_>);
}

impl Texts for String {
    fn visit_texts(&mut self, visit: Visit<'_>) {
        visit(self);
    }
}

impl<T: Texts> Texts for Option<T> {
    fn visit_texts(&mut self, visit: Visit<'_>) {
        if let Some(value) = self {
            value.visit_texts(visit);
        }
    }
}

impl<T: Texts> Texts for Vec<T> {
    fn visit_texts(&mut self, visit: Visit<'_>) {
        for value in self {
            value.visit_texts(visit);
        }
    }
}

impl<T: Texts> Texts for BTreeMap<String, T> {
    fn visit_texts(&mut self, visit: Visit<'_>) {
        let mut entries = std::mem::take(self).into_iter();
        for (mut name, mut value) in &mut entries {
            visit(&mut name);
            value.visit_texts(visit);
            while self.contains_key(&name) {
                name.push('\'');
            }
            self.insert(name, value);
        }
    }
}

impl Texts for f64 {
    fn visit_texts(&mut self, _: Visit<'_>) {}
}

/// Data of a protocol: names of fields stay, and so do the words and ids that steer.
impl Texts for Value {
    fn visit_texts(&mut self, visit: Visit<'_>) {
        match self {
            Self::String(text) => visit(text),
            Self::Array(items) => items.iter_mut().for_each(|item| item.visit_texts(visit)),
            Self::Object(fields) => {
                for (mut name, mut value) in std::mem::take(fields) {
                    let steers = match &value {
                        Self::String(word) => match name.as_str() {
                            "op" | "kind" | "type" => is_a_field(word),
                            "run_id" => true,
                            _ => false,
                        },
                        _ => false,
                    };
                    if !steers {
                        value.visit_texts(visit);
                    }
                    if !is_a_field(&name) {
                        visit(&mut name);
                    }
                    while fields.contains_key(&name) {
                        name.push('\'');
                    }
                    fields.insert(name, value);
                }
            }
            _ => {}
        }
    }
}

/// Visits the fields that hold text, and names those that don't.
macro_rules! texts {
    ($type:ident { $($text:ident),* } without { $($other:ident),* }) => {
        impl Texts for $type {
            fn visit_texts(&mut self, visit: Visit<'_>) {
                let Self { $($text,)* $($other: _,)* } = self;
                $($text.visit_texts(visit);)*
            }
        }
    };
}

// The origin is what a server said of itself and the run; comments are found again by it.
texts!(CiReport { project, notebooks, runs, locations, findings, attachments, published, timings }
    without { schema_version, daglab_version, result, origin, started_at, duration_s });
texts!(PublishedRun { place, index_url, runs_url, note } without { links_expire_at });
texts!(ProjectInfo { name, branch, python, dagster, marimo } without { commit, isolation });
texts!(NotebookReport { path, title, reason, url, target, args, cells }
    without { status, duration_s, attempts, allow_failure, html, interactive, url_expires_at, files, peak_memory_bytes });
texts!(CellReport { name, path, error, blamed_on, console, output_kinds }
    without { status, line, end_line, duration_s, images });
texts!(CellError { kind, message, traceback } without { line });
texts!(RunReport { job, title, selection, partition, location, url, steps, materializations, error }
    without { run_id, status, duration_s, attempts, allow_failure, log });
texts!(StepReport { key, error, last_output } without { status, duration_s });
texts!(Materialization { asset_key, partition, metadata } without {});
texts!(RunError { class, message, stack, path } without { line });
texts!(LocationReport { name, error } without { loaded, assets, jobs });
texts!(Finding { source, code, message, path, hint } without { severity, line, column });
texts!(Attachment { notebook, target, message } without { kind, ok, way });

impl Texts for Target {
    fn visit_texts(&mut self, visit: Visit<'_>) {
        match self {
            Self::Asset { key, partition } => {
                key.visit_texts(visit);
                partition.visit_texts(visit);
            }
            Self::Job { name } => name.visit_texts(visit),
        }
    }
}
